"""One module a command; `turnout.serve.cli.main` imports the one that is asked for."""
