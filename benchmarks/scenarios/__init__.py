"""What `overhead` measures, one module for each question."""
