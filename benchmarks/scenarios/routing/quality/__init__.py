"""How well the quality predictor chooses among models, on public labels."""
