"""Streams of questions of which it's known which may share an answer, and what serves them."""
