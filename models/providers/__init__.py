"""Adapters: what a kind of provider wants to hear, and how to understand what it answers."""
