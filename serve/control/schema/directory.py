"""Organisations, teams, users and keys."""

DIRECTORY = ""
