"""`turnout up`: runs `serve run` with the right environment, waits until the route answers, and drains at ctrl-C."""

import os
import time
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli import starting
from turnout.serve.cli.command import new_app
from turnout.serve.cli.greeting import write_greeting
from turnout.serve.cli.home import turnout_home
from turnout.serve.cli.http import new_client
from turnout.serve.cli.interrupts import Interrupts
from turnout.serve.cli.outline import get_outline
from turnout.serve.cli.running import place_of
from turnout.serve.cli.screen import say, warn
from turnout.serve.cli.serve_run import make_environment, ray_folder, serve_command
from turnout.serve.cli.stopping import Clockwork

app = new_app()

EPILOG = """\b
Examples:
  turnout up deployments/local.yaml
  turnout up --detach deployments/local.yaml && turnout chat "Hello"
  RAY_ADDRESS=10.0.0.5:6379 turnout up cluster.yaml     # on a Ray cluster that is there
Ctrl-C lets requests finish (router args.drain_s); a second ctrl-C cuts them.
Without RAY_ADDRESS, and where `ray start` left no cluster, a Ray cluster of its own is started and ends with it.

\b
Exit codes: 0 stopped after a drain, 1 failed to start or ended by itself, 2 the file or the environment
can't be used (nothing was started), 130 stopped before it was up, or cut."""


@app.command(epilog=EPILOG)
def up(
    file: Annotated[Path, typer.Argument(help="A cluster file.", exists=True, dir_okay=False, readable=True)],
    wait_s: Annotated[
        float, typer.Option("--wait-s", min=1, help="Give up when the route doesn't answer after so many seconds.")
    ] = 900.0,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it running in the background; `turnout down` stops it.")
    ] = False,
) -> None:
    """Start the cluster that a file describes, and stay until ctrl-C."""
    outline = get_outline(file, os.environ, warn)
    place = place_of(turnout_home(os.environ), outline.file)
    with (
        Interrupts() as interrupts,
        place.hold() as lock,
        new_client() as client,
    ):
        launch = starting.Launch(
            outline=outline,
            place=place,
            command=serve_command(outline.file),
            environ=make_environment(os.environ, ray_folder()),
            lock=lock,
            client=client,
            clock=Clockwork(time.monotonic, time.sleep, lambda: interrupts.count),
        )
        say(f"starting {file}; what Ray and the models say is in {place.log}")
        cluster = launch.start(wait_s)
        for line in write_greeting(outline):
            say(line)
        if detach:
            say(f"\nin the background; `turnout down {file}` stops it")
            return
        say("\nctrl-C stops it")
        cluster.stay()
