"""Answers for questions that mean the same, within the error that the user allows."""
