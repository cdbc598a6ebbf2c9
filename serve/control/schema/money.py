"""Budgets, what is spent of them, and what routers hold of them."""

MONEY = ""
