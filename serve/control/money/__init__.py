"""Budgets: what is spent, what routers may spend, and who is told."""
