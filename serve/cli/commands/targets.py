"""`turnout targets`: takes targets out of rotation and back, and changes their weights, while requests run."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli.admin_api import AdminApi, Reach
from turnout.serve.cli.administering import File, open_admin
from turnout.serve.cli.command import new_app
from turnout.serve.cli.refusal import Refusal
from turnout.serve.cli.screen import Progress, Row, align, count, say

app = new_app(no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="A target's name in the cluster file.")]

LIST_EPILOG = """\b
Example:
  turnout targets list"""
DRAIN_EPILOG = """\b
Examples:
  turnout targets drain small-there
  turnout targets drain gpu-2 --wait && ssh gpu-2 sudo reboot
It is a change on top of the cluster file: `turnout targets undrain` or `reset` takes it back."""
UNDRAIN_EPILOG = """\b
Example:
  turnout targets undrain small-there"""
WEIGHT_EPILOG = """\b
Examples:
  turnout targets weight small-there 0.5
  turnout targets weight small-there file      # what the file says again"""
RESET_EPILOG = """\b
Example:
  turnout targets reset"""


@app.callback()
def targets() -> None:
    """Take targets out of rotation and back, and change their weights."""


@app.command("list", epilog=LIST_EPILOG)
def show(file: File = None) -> None:
    """List the targets with their weights and the requests at them."""
    with open_admin(file) as admin:
        rows = [
            (each.name, f"{each.weight:g}", "drained" if each.drained else "in rotation", f"{each.in_flight} in flight")
            for each in admin.list_targets()
        ]
    for line in align(rows):
        say(line)


@app.command(epilog=DRAIN_EPILOG)
def drain(
    name: Name,
    file: File = None,
    wait: Annotated[bool, typer.Option("--wait", help="Return when no request is left at it.")] = False,
) -> None:
    """Send no new requests to a target; what is running there goes on."""
    with open_admin(file) as admin:
        _tell(f"{name} is drained", admin.change_target(name, {"drained": True}))
        if wait:
            _wait_until_empty(admin, name, time.monotonic, time.sleep)


@app.command(epilog=UNDRAIN_EPILOG)
def undrain(name: Name, file: File = None) -> None:
    """Put a drained target back into rotation."""
    _change(file, name, {"drained": False}, f"{name} is in rotation")


@app.command(epilog=WEIGHT_EPILOG)
def weight(
    name: Name,
    value: Annotated[str, typer.Argument(help="A number from 0, or `file` for what the cluster file says.")],
    file: File = None,
) -> None:
    """Change a target's share where a strategy uses weights; 0 takes it out of rotation."""
    try:
        number = None if value == "file" else float(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is neither a number nor `file`") from None
    _change(
        file,
        name,
        {"weight": number},
        f"{name} has the file's weight again" if number is None else f"{name} has weight {number:g}",
    )


@app.command(epilog=RESET_EPILOG)
def reset(file: File = None) -> None:
    """Drop every change made here or by the admin API: the cluster file alone counts again."""
    with open_admin(file) as admin:
        _tell("the cluster file alone counts again", admin.reset())


def _change(file: Path | None, name: str, change: Mapping[str, float | bool | None], done: str) -> None:
    with open_admin(file) as admin:
        _tell(done, admin.change_target(name, change))


def _tell(done: str, reach: Reach) -> None:
    if reach.late:
        raise Refusal(
            f"{count(len(reach.late), 'router')} won't apply it: {', '.join(reach.late)}",
            "`turnout status` says what they refuse",
        )
    gone = f", {count(len(reach.lease_ended), 'router')} left meanwhile" if reach.lease_ended else ""
    say(f"{done}, at {count(len(reach.acknowledged), 'router')}{gone}")


def _wait_until_empty(admin: AdminApi, name: str, now: Callable[[], float], sleep: Callable[[float], None]) -> None:
    began_at = now()
    with Progress() as progress:
        while left := next((each.in_flight for each in admin.list_targets() if each.name == name), 0):
            progress.show([Row(name, "working", f"{count(left, 'request')} left")], now() - began_at)
            sleep(0.5)
        progress.show([Row(name, "done", "empty")], now() - began_at)
