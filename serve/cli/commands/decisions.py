"""`turnout decisions`: the sample of decisions that Control keeps, for people and for `turnout replay`."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TextIO

import msgspec
import typer

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.administering import File, open_admin
from turnout.serve.cli.command import new_app
from turnout.serve.cli.screen import align, count, say, warn
from turnout.serve.control.decisions.lines import read_fields

app = new_app(no_args_is_help=True)

LIST_EPILOG = """\b
Examples:
  turnout decisions list
  turnout decisions list --after 1200 --limit 1000 --json | jq 'select(.attempt > 1)'"""
EXPORT_EPILOG = """\b
Examples:
  turnout decisions export > decisions.jsonl
  turnout decisions export --out decisions.jsonl
  turnout replay --config new.yaml --data decisions.jsonl"""


@app.callback()
def decisions() -> None:
    """List and export the sample of decisions that Control keeps."""


@app.command("list", epilog=LIST_EPILOG)
def show(
    file: File = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Rows with a greater number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each row.")] = False,
) -> None:
    """List kept decisions, in the order in which they were written."""
    with open_admin(file) as admin:
        rows: list[dict[str, Any]] = admin.ask("GET", f"/admin/decisions?after={after}&limit={limit}")["rows"]
    if as_json:
        for row in rows:
            say(msgspec.json.encode(row).decode())
        return
    for line in align([_write_row(row) for row in rows]):
        say(line)


@app.command("export", epilog=EXPORT_EPILOG)
def write_all(
    file: File = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Instead of standard output.", dir_okay=False)] = None,
) -> None:
    """Write all kept decisions, a JSON object a line."""
    with open_admin(file) as admin:
        if out is None:
            written = _export(admin, sys.stdout)
        else:
            with out.open("w", encoding="utf-8") as target:
                written = _export(admin, target)
    warn(f"{count(written, 'decision')} written", style="")


def read_pages(admin: AdminApi) -> Iterator[list[dict[str, Any]]]:
    """All kept decisions, page by page."""
    after: int | None = 0
    while after is not None:
        answer = admin.ask("GET", f"/admin/decisions?after={after}&limit=1000")
        yield answer["rows"]
        after = answer["next_after"]


def _export(admin: AdminApi, target: TextIO) -> int:
    written = 0
    for rows in read_pages(admin):
        target.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)
        written += len(rows)
    return written


def _write_row(row: dict[str, Any]) -> tuple[str, ...]:
    decision = read_fields(row)
    at = datetime.fromtimestamp(decision.at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (
        str(row["seq"]),
        at,
        f"{decision.request_id}/{decision.attempt}",
        decision.tenant,
        decision.model,
        decision.target,
        decision.reason,
    )
