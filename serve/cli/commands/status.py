"""`turnout status`: routers, pools and targets of a cluster, and the config they run."""

import os
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.command import new_app
from turnout.serve.cli.http import new_client
from turnout.serve.cli.located import Located, locate
from turnout.serve.cli.overview import Overview, write_overview
from turnout.serve.cli.screen import is_terminal, redrawn, say

app = new_app()

EPILOG = """\b
Examples:
  turnout status                           # the only cluster that is up here
  turnout status deployments/local.yaml --watch
  turnout status --json | jq '.targets[] | select(.drained)'

\b
Exit codes: 0 shown, 1 Control doesn't answer, 2 several clusters are up and none was named, 130 interrupted."""


@app.command(epilog=EPILOG)
def status(
    file: Annotated[Path | None, typer.Argument(help="Its cluster file; needed where several are up.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it again every second, until ctrl-C.")] = False,
) -> None:
    """Show routers, pools, targets and the config they run."""
    with new_client() as client:
        cluster = locate(file, os.environ, client)
        admin = AdminApi(cluster.outline, client, os.environ)
        if watch and is_terminal() and not as_json:
            with redrawn() as draw:
                while True:
                    draw("\n".join(write_overview(_read(cluster, admin))))
                    time.sleep(1.0)
        _print(_read(cluster, admin), as_json)
        while watch:
            time.sleep(1.0)
            _print(_read(cluster, admin), as_json)


def _read(cluster: Located, admin: AdminApi) -> Overview:
    details = cluster.api.try_read()
    return Overview(
        cluster.outline.url, admin.read_status(), admin.list_targets(), details.applications if details else {}
    )


def _print(overview: Overview, as_json: bool) -> None:
    if as_json:
        say(msgspec.json.encode(overview).decode())
        return
    for line in write_overview(overview):
        say(line)
