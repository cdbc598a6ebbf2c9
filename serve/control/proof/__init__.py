"""Proof that the audit log is what was written: a chain of hashes, and signed checkpoints of it."""
