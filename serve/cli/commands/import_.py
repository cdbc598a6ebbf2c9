"""`turnout import`: makes a cluster file of another gateway's config, and says what it couldn't."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from turnout.serve.cli.command import new_app
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import count, say, warn
from turnout.serve.config.check import check_text
from turnout.serve.config.cluster import ClusterFile, RouterApplication
from turnout.serve.config.document import Document
from turnout.serve.importing.litellm.convert import convert
from turnout.serve.importing.litellm.including import read_config
from turnout.serve.importing.notes import Kind, Note
from turnout.serve.importing.writing import write_cluster

app = new_app(no_args_is_help=True)

EPILOG = """\b
Examples:
  turnout import litellm config.yaml -o cluster.yaml && turnout check cluster.yaml
  turnout import litellm config.yaml --json > report.json
No secret is written: os.environ/NAME becomes env:NAME, and so does a secret that stands there by itself, with a name of its own.
Addresses that stand in variables are taken from this process's own.

\b
Exit codes: 0 a file was made, 1 no model could be converted, 2 it isn't a config of LiteLLM's."""

_STYLES = {Kind.LEFT_OUT: "red", Kind.CHANGED: "yellow", Kind.TO_SET: "cyan", Kind.NO_EFFECT: "dim"}


@app.callback()
def import_() -> None:
    """Make a cluster file of another gateway's config."""


@app.command(epilog=EPILOG)
def litellm(
    config: Annotated[Path, typer.Argument(help="LiteLLM's proxy config.", exists=True, dir_okay=False, readable=True)],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The new file; standard output unless said.", dir_okay=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that's there.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON, and the file only with --out.")
    ] = False,
) -> None:
    """Convert LiteLLM's proxy config, and say what can't be converted and what to do instead."""
    if out is not None and out.exists() and not force:
        raise Refusal(f"{str(out)!r} is there already", "give another name, or --force", ExitCode.BAD_INPUT)
    document = read_config(config)
    _refuse_others(config, document)
    imported = convert(document, os.environ)
    if as_json:
        say(json.dumps([_to_json(note, document) for note in imported.notes]))
    else:
        _tell(imported.notes, document)
    if imported.cluster is None:
        raise Refusal(f"no model of {str(config)!r} can be converted", "the report says why, entry by entry")
    text = _write(imported.cluster, imported.notes, config)
    if out is not None:
        out.write_text(text, encoding="utf-8")
    elif not as_json:
        say(text.rstrip("\n"))
    if not as_json:
        warn(_sum_up(imported.cluster, imported.notes), style="")


def _refuse_others(config: Path, document: Document) -> None:
    for problem in document.problems:
        if document.content is None or "can't be read" in problem.message:
            raise Refusal(f"{str(config)!r}: {problem}", "", ExitCode.BAD_INPUT)
        warn(f"warning: {problem}")
    content = document.content
    if not isinstance(content, dict) or not isinstance(content.get("model_list"), list):
        raise Refusal(
            f"{str(config)!r} has no model_list, so it's no config of LiteLLM's proxy",
            "models that were added at run time are in LiteLLM's database: /model/info shows them",
            ExitCode.BAD_INPUT,
        )


def _tell(notes: Sequence[Note], document: Document) -> None:
    for note in notes:
        line = document.line_of(note.location)
        place = ":".join(part for part in (f"line {line}" if line else "", note.path) if part) or "the config"
        hint = f" ({note.instead})" if note.instead else ""
        warn(f"{note.kind.value}: {place}: {note.what}{hint}", style=_STYLES[note.kind])


def _to_json(note: Note, document: Document) -> dict[str, str | int | None]:
    return {
        "kind": note.kind.name.lower(),
        "path": note.path,
        "line": document.line_of(note.location),
        "what": note.what,
        "instead": note.instead,
    }


def _write(cluster: ClusterFile, notes: Sequence[Note], config: Path) -> str:
    secrets = [f"  {note.instead}" for note in notes if note.kind is Kind.TO_SET]
    head = "\n".join(
        [
            f"Made by `turnout import litellm {config.name}`; docs/migrating.md says what to look at before it serves.",
            *(["Before it starts:", *dict.fromkeys(secrets)] if secrets else []),
        ]
    )
    text = write_cluster(cluster, head)
    errors = [problem for problem in check_text(text, os.environ) if problem.severity == "error"]
    if errors:
        raise RuntimeError(f"the new file isn't right: {errors[0]}")
    return text


def _sum_up(cluster: ClusterFile, notes: Sequence[Note]) -> str:
    router = next(each for each in cluster.applications if isinstance(each, RouterApplication))
    models = router.user_config.models
    targets = {target.name for model in models for target in model.targets}
    made = f"{count(len(models), 'model')}, {count(len(targets), 'target')}, {count(len(router.user_config.providers), 'provider')}"
    kinds = Counter(note.kind for note in notes)
    return f"{made}; " + ", ".join(f"{kinds[kind]} {kind.value}" for kind in Kind)
