"""`turnout audit`: what was decided and changed, by whom, and whether that log is what was written."""

import os
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Annotated, TextIO

import msgspec
import typer

from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.administering import open_admin
from turnout.serve.cli.command import new_app
from turnout.serve.cli.http import new_client
from turnout.serve.cli.located import locate
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.screen import align, count, say, warn
from turnout.serve.config.secret import THIS_MACHINE, ConfigError, Secrets
from turnout.serve.config.store import StoreSettings
from turnout.serve.control.opening import find_database
from turnout.serve.control.proof.checkpoint import PublicKey
from turnout.serve.control.proof.files import get_public_key
from turnout.serve.control.proof.verify import (
    ExportedCheckpoint,
    ExportedRow,
    Verdict,
    verify_export,
    verify_folder,
    verify_store,
)
from turnout.serve.control.reports.csv import write_csv

app = new_app(no_args_is_help=True)


class Format(Enum):
    """How an export is written."""

    JSONL = "jsonl"
    """With the checkpoints, so that it can be verified."""
    CSV = "csv"


class AuditPage(msgspec.Struct, frozen=True):
    """An answer of `GET /audit/events`."""

    rows: list[ExportedRow]
    next_after: int | None


class CheckpointPage(msgspec.Struct, frozen=True):
    """An answer of `GET /audit/checkpoints`."""

    lines: list[str]
    next_after: int | None


File = Annotated[
    Path | None,
    typer.Option("--file", "-f", help="The cluster file; needed where several clusters are up, or none is."),
]

VERIFY_EPILOG = """\b
Examples:
  turnout audit verify                                  # the log of the cluster that is up here
  turnout audit verify -f deployments/local.yaml --public-key kept/audit.pub --kept kept/audit.checkpoints
  turnout audit verify --state-dir ~/.turnout/local
  turnout audit verify --export audit.jsonl --public-key kept/audit.pub

\b
Exit codes: 0 it's what was written, 1 it isn't (and where), 2 there's no log or key there."""
LIST_EPILOG = """\b
Examples:
  turnout audit list
  turnout audit list --after 1200 --limit 1000 --json | jq 'select(.action == "target.change")'"""
EXPORT_EPILOG = """\b
Examples:
  turnout audit export > audit.jsonl
  turnout audit export --format csv --out audit.csv"""


@app.callback()
def audit() -> None:
    """See and export the audit log, and verify that it's what was written."""


@app.command(epilog=VERIFY_EPILOG)
def verify(
    file: File = None,
    state_dir: Annotated[
        Path | None, typer.Option("--state-dir", help="Control's folder, instead of a cluster's.", file_okay=False)
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="A file of `turnout audit export`, instead.", dir_okay=False)
    ] = None,
    public_key: Annotated[
        Path | None, typer.Option("--public-key", help="A copy of audit.pub that was kept elsewhere.", dir_okay=False)
    ] = None,
    kept: Annotated[
        Path | None, typer.Option("--kept", help="Lines of audit.checkpoints that were kept elsewhere.", dir_okay=False)
    ] = None,
) -> None:
    """Verify the audit log: every edit, deletion, insertion, reorder and cut is found, and the first bad row is named."""
    try:
        lines = kept.read_text(encoding="utf-8").splitlines() if kept else []
        key = PublicKey(public_key.read_text(encoding="utf-8")) if public_key else None
        if export is not None:
            verdict = verify_export(export, key or get_public_key(_place_of(state_dir, file)[0]), lines)
        else:
            folder, store = _place_of(state_dir, file)
            key = key or get_public_key(folder)
            if store.kind == "sqlite":
                verdict = verify_folder(folder, key, lines)
            else:
                database = find_database(store, folder, Secrets(os.environ, THIS_MACHINE))
                verdict = verify_store(database, folder, key, lines)
    except (ConfigError, OSError, UnicodeError) as error:
        raise Refusal(str(error), "", ExitCode.BAD_INPUT) from error
    _tell(verdict)


@app.command("list", epilog=LIST_EPILOG)
def show(
    file: File = None,
    after: Annotated[int, typer.Option("--after", min=0, help="Rows with a greater number.")] = 0,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print a line of JSON for each row.")] = False,
) -> None:
    """List what was decided and changed, in order."""
    with open_admin(file) as admin:
        page = msgspec.convert(admin.ask("GET", f"/audit/events?after={after}&limit={limit}"), AuditPage)
    if as_json:
        for row in page.rows:
            say(msgspec.json.encode(row).decode())
        return
    for line in align(
        [(str(row.seq), _write_time(row.at_ns), row.actor, row.action, row.subject, row.detail) for row in page.rows]
    ):
        say(line)


@app.command("export", epilog=EXPORT_EPILOG)
def write_all(
    file: File = None,
    form: Annotated[Format, typer.Option("--format")] = Format.JSONL,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Instead of standard output.", dir_okay=False)] = None,
) -> None:
    """Write the whole log, page by page."""
    with open_admin(file) as admin:
        if out is None:
            rows = _export(admin, form, sys.stdout)
        else:
            with out.open("w", encoding="utf-8", newline="") as target:
                rows = _export(admin, form, target)
    warn(f"{count(rows, 'row')} written", style="")


def _export(admin: AdminApi, form: Format, target: TextIO) -> int:
    # The checkpoints first: rows that come meanwhile are then just not covered yet.
    if form is Format.JSONL:
        target.writelines(
            msgspec.json.encode(ExportedCheckpoint(line)).decode() + "\n" for line in _read_checkpoints(admin)
        )
    else:
        target.write(write_csv([ExportedRow.__struct_fields__]))
    written = 0
    for rows in _read_rows(admin):
        if form is Format.JSONL:
            target.writelines(msgspec.json.encode(row).decode() + "\n" for row in rows)
        else:
            target.write(write_csv(msgspec.structs.astuple(row) for row in rows))
        written += len(rows)
    return written


def _read_checkpoints(admin: AdminApi) -> Iterator[str]:
    after: int | None = 0
    while after is not None:
        page = msgspec.convert(admin.ask("GET", f"/audit/checkpoints?after={after}"), CheckpointPage)
        yield from page.lines
        after = page.next_after


def _read_rows(admin: AdminApi) -> Iterator[Sequence[ExportedRow]]:
    after: int | None = 0
    while after is not None:
        page = msgspec.convert(admin.ask("GET", f"/audit/events?after={after}&limit=1000"), AuditPage)
        yield page.rows
        after = page.next_after


def _tell(verdict: Verdict) -> None:
    if verdict.flaws:
        for flaw in verdict.flaws:
            warn(
                f"{flaw.where} {flaw.number} {flaw.what}" if flaw.number > 0 else f"{flaw.where} {flaw.what}",
                style="red",
            )
        raise Refusal(f"the audit log isn't what was written; {count(verdict.rows, 'row')} before that are right")
    signed = f"{count(verdict.checkpoints, 'signed checkpoint')}"
    unsigned = (
        f"; the last {count(verdict.unsigned_rows, 'row')} have no signature yet" if verdict.unsigned_rows else ""
    )
    say(f"{count(verdict.rows, 'row')} are what was written, by {signed}{unsigned}")


def _place_of(state_dir: Path | None, file: Path | None) -> tuple[Path, StoreSettings]:
    if state_dir is not None:
        return state_dir, StoreSettings()
    with new_client() as client:
        outline = locate(file, os.environ, client).outline
    return outline.state_dir, outline.store


def _write_time(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns / 1e9, UTC).strftime("%Y-%m-%d %H:%M:%S")
