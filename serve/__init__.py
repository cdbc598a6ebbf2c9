"""Ray Serve applications, the HTTP edge, discovery, control, config and the command line."""

if __name__ != "turnout.serve":
    raise ImportError(f"import turnout.serve, not {__name__}: the folder is part of the package 'turnout'")
