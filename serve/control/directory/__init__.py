"""Organisations, teams, users and keys: what they may, who may change them, and what routers are told of them."""
