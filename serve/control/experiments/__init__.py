"""What experiments have shown so far, and what follows from it."""
