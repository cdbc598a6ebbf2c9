"""What the commands that work through Control's admin API have in common: how they find it, and two of their options."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.http import new_client
from turnout.serve.cli.located import locate

File = Annotated[
    Path | None, typer.Option("--file", "-f", help="The cluster file; needed where several clusters are up.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@contextmanager
def open_admin(file: Path | None) -> Iterator[AdminApi]:
    """The admin API of the cluster with this file, or of the only one that's up; raises Refusal where there's none."""
    with new_client() as client:
        yield AdminApi(locate(file, os.environ, client).outline, client, os.environ)
