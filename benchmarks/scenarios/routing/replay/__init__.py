"""Simulated replicas, the traces that are replayed on them, and the strategies that are compared there."""
