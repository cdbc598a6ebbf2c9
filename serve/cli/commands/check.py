"""`turnout check`: lists every problem of a cluster file, with its place and a hint."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli.command import new_app
from turnout.serve.cli.outline import write_problem
from turnout.serve.cli.refusal import ExitCode
from turnout.serve.cli.screen import say
from turnout.serve.config.check import check_file

app = new_app()

EPILOG = """\b
Examples:
  turnout check deployments/local.yaml
  turnout check cluster.yaml --json | jq '.[] | select(.severity == "error")'
What depends on the machine (environment variables, files, models) is a warning: the process that needs it may run elsewhere.

\b
Exit codes: 0 no errors, 2 errors."""


@app.command(epilog=EPILOG)
def check(
    file: Annotated[Path, typer.Argument(help="A cluster file.", exists=True, dir_okay=False, readable=True)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: path, message, hint, severity, line.")] = False,
) -> None:
    """List every problem of a cluster file."""
    problems = check_file(file, os.environ)
    errors = sum(problem.severity == "error" for problem in problems)
    if as_json:
        say(json.dumps([asdict(problem) for problem in problems]))
    else:
        for problem in problems:
            say(
                f"{problem.severity}: {write_problem(problem)}",
                style="red" if problem.severity == "error" else "yellow",
            )
        say(f"{file}: {errors} errors, {len(problems) - errors} warnings" if problems else f"{file}: no problems")
    if errors:
        raise typer.Exit(ExitCode.BAD_INPUT)
