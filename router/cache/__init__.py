"""Answers from earlier requests: equal ones, ones under way, and ones that mean the same."""
