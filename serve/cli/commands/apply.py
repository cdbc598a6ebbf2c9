"""`turnout apply`: changes a running cluster in place to what its file says now."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.applying import apply_config, read_rejections
from turnout.serve.cli.command import new_app
from turnout.serve.cli.http import new_client
from turnout.serve.cli.located import locate
from turnout.serve.cli.screen import Progress, count, say
from turnout.serve.config.document import read_document

app = new_app()

EPILOG = """\b
Examples:
  turnout apply deployments/local.yaml
  turnout apply deployments/local.yaml --reset     # drop drains and weights set by hand, too
The file is checked first. `user_config` is swapped while requests run; where `args` changed, replicas are replaced one by one.

\b
Exit codes: 0 every router serves it, 1 some refused it (and why) or it didn't get there, 2 the file can't be used
(nothing was changed), 130 interrupted."""


@app.command(epilog=EPILOG)
def apply(
    file: Annotated[Path, typer.Argument(help="The cluster file.", exists=True, dir_okay=False, readable=True)],
    reset: Annotated[
        bool, typer.Option("--reset", help="Drop the changes made by `turnout targets` and the admin API.")
    ] = False,
    wait_s: Annotated[float, typer.Option("--wait-s", min=1, help="Give up after so many seconds.")] = 900.0,
) -> None:
    """Change a running cluster to what its file says now."""
    with new_client() as client, Progress() as progress:
        cluster = locate(file, os.environ, client)
        admin = AdminApi(cluster.outline, client, os.environ)
        before = read_rejections(admin)
        cluster.api.deploy(read_document(file.read_text(encoding="utf-8")).content)
        routers = apply_config(cluster, admin, progress, before, wait_s, time.monotonic, time.sleep)
        if reset:
            admin.reset()
    say(
        f"served by {count(routers, 'router')}: {cluster.outline.fingerprint}"
        + (", without admin changes" if reset else "")
    )
