"""`turnout replay`: what other settings would have made of the decisions that were recorded."""

from pathlib import Path
from random import Random
from typing import Annotated

import msgspec
import typer

from turnout.serve.cli.administering import AsJson, File
from turnout.serve.cli.command import new_app
from turnout.serve.cli.recorded import Data, Objective, Seed, compile_file, read_requests
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.replaying import UNKNOWN, write_difference
from turnout.serve.cli.screen import say, warn
from turnout.serve.replay.difference import Difference, compare
from turnout.serve.replay.likely import Likely
from turnout.serve.replay.world import play_models

app = new_app()

RUNS = 3
EPILOG = """\b
Examples:
  turnout replay --config new.yaml                              # what this cluster's Control keeps
  turnout replay --config new.yaml --data decisions.jsonl --objective-s 1.5
  turnout replay --config new.yaml --json | jq '.models[].cost_usd'

\b
Nothing is sent and nothing is changed. `turnout apply new.yaml` makes it so."""


@app.command(epilog=EPILOG)
def replay(
    *,
    config: Annotated[Path, typer.Option("--config", "-c", help="The cluster file to try.", dir_okay=False)],
    data: Data = None,
    file: File = None,
    objective_s: Objective = None,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Say what another cluster file would change in cost, in answers that are in time, and in who answers."""
    routes = compile_file(config)
    requests = read_requests(data, file)
    likely, rng = Likely(requests), Random(seed)
    runs = [play_models(routes, requests, likely, rng) for _ in range(RUNS)]
    found: list[Difference] = []
    for name, (had, _) in runs[0].items():
        within_s = routes[name].routing.objective.first_token_s if objective_s is None else objective_s
        difference = compare(name, had, [run[name][1] for run in runs], within_s, seed)
        if difference is not None:
            found.append(difference)
    if not found:
        raise Refusal(
            f"none of the {len(requests)} recorded requests is for a model that {config.name} has",
            "",
            ExitCode.BAD_INPUT,
        )
    if as_json:
        say(msgspec.json.encode({"models": found, "unknown": UNKNOWN}).decode())
        return
    for each in found:
        for line in write_difference(each):
            say(line)
    for line in UNKNOWN:
        warn(line, style="")
