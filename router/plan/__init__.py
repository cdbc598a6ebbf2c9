"""Chooses the endpoint for an attempt: Filter, Scorer, Picker over the candidates that the Fleet knows."""
