"""`turnout tune`: proposes strategies from recorded decisions, and says what to expect of them."""

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from turnout.serve.cli.administering import AsJson, File
from turnout.serve.cli.command import new_app
from turnout.serve.cli.recorded import Data, Objective, Seed, compile_file, read_requests
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.replaying import UNKNOWN, write_proposal
from turnout.serve.cli.screen import say, warn
from turnout.serve.replay.rewriting import rewrite
from turnout.serve.replay.tuning import Aim, Proposal, propose

app = new_app()

EPILOG = """\b
Examples:
  turnout tune --config cluster.yaml                             # what this cluster's Control keeps
  turnout tune --config cluster.yaml --data decisions.jsonl --aim time
  turnout tune --config cluster.yaml --write tuned.yaml && turnout apply tuned.yaml

\b
Nothing is written unless --write says where, and nothing is applied."""


@app.command(epilog=EPILOG)
def tune(
    *,
    config: Annotated[Path, typer.Option("--config", "-c", help="The cluster file to improve.", dir_okay=False)],
    data: Data = None,
    file: File = None,
    aim: Annotated[
        Aim, typer.Option("--aim", help="cost: cheaper, with as many in time; time: more in time, at no more cost.")
    ] = Aim.COST,
    objective_s: Objective = None,
    seed: Seed = 1,
    out: Annotated[
        Path | None, typer.Option("--write", help="Write the file with what is proposed here.", dir_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Propose strategies from recorded decisions, and say what to expect of them."""
    routes = compile_file(config)
    requests = read_requests(data, file)
    proposals = [
        propose(route, [each for each in requests if each.first.answering == name], aim, objective_s, seed)
        for name, route in routes.items()
    ]
    if as_json:
        say(msgspec.json.encode({"proposals": proposals, "unknown": UNKNOWN}).decode())
    else:
        for line in (line for each in proposals for line in write_proposal(each)):
            say(line)
        for line in UNKNOWN:
            warn(line, style="")
    if out is not None:
        _write(config, out, [each for each in proposals if each.routing is not None])


def _write(config: Path, out: Path, proposals: list[Proposal]) -> None:
    if not proposals:
        warn(f"nothing is proposed, so {out} isn't written")
        return
    try:
        changes = {each.model: each.routing for each in proposals if each.routing is not None}
        out.write_text(rewrite(config.read_text(encoding="utf-8"), changes), encoding="utf-8")
    except (OSError, ValueError) as error:
        raise Refusal(f"{out} can't be written: {error}", "", ExitCode.BAD_INPUT) from error
    warn(f"{out} is {config} with the strategies above; `turnout apply {out}` makes it so", style="")
