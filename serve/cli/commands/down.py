"""`turnout down`: stops what `turnout up` started here, letting streams finish."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.command import new_app
from turnout.serve.cli.home import turnout_home
from turnout.serve.cli.http import new_client
from turnout.serve.cli.interrupts import Interrupts
from turnout.serve.cli.outline import get_outline
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.running import Place, get_one
from turnout.serve.cli.screen import Progress
from turnout.serve.cli.serve_api import ServeApi, find_token
from turnout.serve.cli.stopping import Clockwork, Drain, stop

app = new_app()

EPILOG = """\b
Examples:
  turnout down                             # the only cluster that is up here
  turnout down deployments/local.yaml
Other Ray clusters on this machine are never touched. Ctrl-C while it waits cuts what is still in flight.

\b
Exit codes: 0 stopped, 1 nothing to stop, 2 several clusters are up and none was named, 130 cut."""


@dataclass(frozen=True, slots=True)
class HeldProcess:
    """The `serve run` of another terminal: alive as long as the place's lock is held."""

    place: Place
    pid: int

    def is_alive(self) -> bool:
        """Whether the cluster, or the `turnout up` that holds it, still runs."""
        return self.place.is_running()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens when it has ended."""
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return


@app.command(epilog=EPILOG)
def down(
    file: Annotated[Path | None, typer.Argument(help="Its cluster file; needed where several are up.")] = None,
) -> None:
    """Stop what `turnout up` started on this machine, letting streams finish."""
    place, record = get_one(turnout_home(os.environ), file)
    with Interrupts() as interrupts, new_client() as client, Progress() as progress:
        outline = get_outline(Path(record.file), {})
        api = ServeApi(record.dashboard, find_token(os.environ, Path.home()), client) if record.dashboard else None
        drain = Drain(api, outline.router, outline.drain_s, AdminApi(outline, client, os.environ).try_count_in_flight)
        clock = Clockwork(time.monotonic, time.sleep, lambda: interrupts.count)
        if not stop(HeldProcess(place, record.serve_pid), drain, clock, progress):
            raise Refusal("requests in flight were cut", "", ExitCode.INTERRUPTED)
