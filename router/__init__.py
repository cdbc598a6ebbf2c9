"""The request line: admit, guard, shape, cache, plan, execute, stream, account, observe."""

if __name__ != "turnout.router":
    raise ImportError(f"import turnout.router, not {__name__}: the folder is part of the package 'turnout'")
