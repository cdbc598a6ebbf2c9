"""Runs a request: waits for a slot, plans, relays, and alone decides whether to try again."""
