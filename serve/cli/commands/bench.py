"""`turnout bench`: runs one of the scripts of `turnout.benchmarks`."""

import subprocess
import sys
from difflib import get_close_matches
from importlib.resources import files
from typing import Annotated

import typer

from turnout.serve.cli.command import new_app
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import say

app = new_app()

EPILOG = """\b
Examples:
  turnout bench                            # which there are
  turnout bench overhead --quick
  turnout bench overhead --help            # its own options
Each ends with one line a figure: `figure <name> <value> <unit>`. The exit code is the script's."""


@app.command(epilog=EPILOG, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def bench(
    name: Annotated[str | None, typer.Argument(help="Which script; without it they are listed.")] = None,
    arguments: Annotated[
        list[str] | None, typer.Argument(help="The script's own options.", metavar="[ARGS]...")
    ] = None,
) -> None:
    """Run a benchmark against a gateway."""
    scripts = find_scripts()
    if name is None:
        for script, sentence in scripts.items():
            say(f"{script}  {sentence}")
        return
    if name not in scripts:
        near = get_close_matches(name, scripts, n=1)
        hint = (
            f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(scripts) or 'none in this installation'}"
        )
        raise Refusal(f"there is no benchmark {name!r}", hint, ExitCode.BAD_INPUT)
    command = [sys.executable, "-m", f"turnout.benchmarks.{name}", *(arguments or [])]
    try:
        code = subprocess.run(command, check=False).returncode  # noqa: S603  # the name is one of ours
    except KeyboardInterrupt:  # ctrl-C reached the script too
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    raise typer.Exit(code if code >= 0 else 128 - code)


def find_scripts() -> dict[str, str]:
    """The scripts by name, with the first line of each; modules without a `main` are parts, not scripts."""
    scripts = {}
    for entry in sorted(files("turnout.benchmarks").iterdir(), key=lambda entry: entry.name):
        if not entry.name.endswith(".py"):
            continue
        text = entry.read_text(encoding="utf-8")
        if "\ndef main(" in text:
            scripts[entry.name.removesuffix(".py")] = text.lstrip('"\n').split('"""', 1)[0].strip().splitlines()[0]
    return scripts
