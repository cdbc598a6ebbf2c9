"""What `faults` measures: sixteen scripted failures, and what many requests with random ones come to."""
