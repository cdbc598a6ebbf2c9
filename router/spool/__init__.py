"""Keeps rows where they outlive the process that wrote them, until Control has them."""
