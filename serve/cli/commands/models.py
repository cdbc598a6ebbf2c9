"""`turnout models`: fetches models onto this machine and says what is here."""

import json
from typing import Annotated

import typer

from turnout.models.disk.errors import DiskError
from turnout.models.disk.pull import pull as pull_model
from turnout.models.disk.store import default_store, find, list_models
from turnout.serve.cli.command import new_app
from turnout.serve.cli.pulling import PullDisplay
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import align, say

app = new_app(no_args_is_help=True)

PULL_EPILOG = """\b
Examples:
  turnout models pull smollm2
  turnout models pull smollm2 minilm
  turnout models pull HuggingFaceTB/SmolLM2-360M-Instruct     # from the Hugging Face hub, where there is one
An interrupted pull leaves nothing half-done; a second one of the same model waits for the first."""
LIST_EPILOG = """\b
Examples:
  turnout models list
  turnout models list --json | jq -r '.[].path'"""
PATH_EPILOG = """\b
Example:
  vllm serve "$(turnout models path smollm2)\""""


@app.callback()
def models() -> None:
    """Fetch models and list those on this machine."""


@app.command(epilog=PULL_EPILOG)
def pull(
    names: Annotated[list[str], typer.Argument(help="smollm2, minilm, or hub ids (org/name).", metavar="NAME...")],
) -> None:
    """Fetch models, unless they are here already."""
    for name in names:
        try:
            with PullDisplay(name) as display:
                path = pull_model(name, display.report)
        except DiskError as error:
            raise Refusal(str(error)) from error
        say(f"{name}: {path}")


@app.command("list", epilog=LIST_EPILOG)
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models on this machine, and those that can be pulled by a short name."""
    stored = list_models()
    if as_json:
        rows = [
            {"name": m.origin.name, "path": str(m.path), "size_bytes": m.size_bytes, "licence": m.origin.licence}
            for m in stored
        ]
        say(json.dumps(rows))
        return
    table = [
        (m.origin.name, f"{m.size_bytes / 1e6:.0f} MB", m.origin.licence or "licence not said", str(m.path))
        for m in stored
    ]
    for line in align(table):
        say(line)
    for name, wheel in default_store().wheels.items():
        if name not in {m.origin.name for m in stored}:
            say(f"{name}  not here: turnout models pull {name}   ({wheel.summary})", style="dim")


@app.command(epilog=PATH_EPILOG)
def path(name: Annotated[str, typer.Argument(help="A pulled name, a hub id or a folder.")]) -> None:
    """Print the folder of a model."""
    try:
        say(str(find(name)))
    except DiskError as error:
        raise Refusal(str(error), "", ExitCode.FAILED) from error
