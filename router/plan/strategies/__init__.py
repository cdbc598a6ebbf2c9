"""One small file for each way of choosing; `named.py` has their names."""
