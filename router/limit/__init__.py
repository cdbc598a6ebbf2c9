"""Keeps requests within limits: rates, seats and sizes, for keys and those above them, for models, and for the whole gateway."""
