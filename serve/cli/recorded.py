"""What `turnout replay` and `turnout tune` work from: a cluster file, and recorded decisions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from turnout.router.catalogue import ModelRoute
from turnout.serve.cli.administering import open_admin
from turnout.serve.cli.commands.decisions import read_pages
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.config.check import load_file
from turnout.serve.config.cluster import RouterApplication
from turnout.serve.config.compile import compile_models
from turnout.serve.config.secret import ConfigError
from turnout.serve.replay.recorded import BadRecord, Request, gather, read_lines, read_rows

Data = Annotated[
    Path | None,
    typer.Option("--data", help="Of `turnout decisions export`; what Control keeps, unless given.", dir_okay=False),
]
Objective = Annotated[
    float | None,
    typer.Option(
        "--objective-s", min=0.001, help="A first token is in time when it comes so soon; the model's own unless given."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Of every random choice.")]


def compile_file(path: Path) -> Mapping[str, ModelRoute]:
    """The models of a cluster file, or Refusal with what is wrong with it."""
    try:
        cluster = load_file(path)
        router = next(app for app in cluster.applications if isinstance(app, RouterApplication))
        return compile_models(router.user_config)
    except ConfigError as error:
        raise Refusal(
            f"{path} can't be used: {error}", f"`turnout check {path}` lists every problem", ExitCode.BAD_INPUT
        ) from error


def read_requests(data: Path | None, file: Path | None) -> list[Request]:
    """Recorded requests, in the order in which they were sent, or Refusal where there are none."""
    try:
        if data is not None:
            decisions = read_lines(data)
        else:
            with open_admin(file) as admin:
                decisions = read_rows(read_pages(admin))
    except (BadRecord, OSError) as error:
        raise Refusal(f"{data} can't be read: {error}", "", ExitCode.BAD_INPUT) from error
    requests = gather(decisions)
    if not requests:
        raise Refusal("no recorded requests", "user_config.decisions.share above 0 records some", ExitCode.BAD_INPUT)
    return requests
