"""Requests that a client may send twice and that are answered once."""
