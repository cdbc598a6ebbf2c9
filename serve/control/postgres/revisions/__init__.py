"""Alembic's folder: how a database gets from one schema version to the next."""
