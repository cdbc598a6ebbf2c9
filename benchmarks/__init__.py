"""Scripts that measure a gateway on its user's own machines; `turnout bench NAME` runs the same code."""
