"""Tokens of other issuers (OIDC, JWT) as principals and actors."""
