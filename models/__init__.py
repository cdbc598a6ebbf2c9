"""The words and the wires: requests, targets, dialects, HTTP clients, provider adapters, engines."""

if __name__ != "turnout.models":
    raise ImportError(f"import turnout.models, not {__name__}: the folder is part of the package 'turnout'")
