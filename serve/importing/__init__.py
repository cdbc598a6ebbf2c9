"""Cluster files made from other gateways' configs, and what each of them loses on the way."""
