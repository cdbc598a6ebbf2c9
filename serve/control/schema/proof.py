"""Checkpoints of the audit chain, and what reports are made from."""

PROOF = ""
