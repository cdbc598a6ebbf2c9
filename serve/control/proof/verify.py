"""Verifies the audit log in a state folder, or in an exported file, against its checkpoints."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import msgspec

from turnout.serve.config.secret import ConfigError
from turnout.serve.control.database import Connection, Database
from turnout.serve.control.proof.chain import Chain, Flaw, StoredRow, check_lines, compare_lines
from turnout.serve.control.proof.checkpoint import PublicKey
from turnout.serve.control.proof.files import read_lines
from turnout.serve.control.proof.notary import SELECT_ROWS
from turnout.serve.control.sqlite import SqliteFile
from turnout.serve.control.state_dir import STORE_FILE

PAGE = 5000
SETTLE_S = 1.0
"""Longest time between a checkpoint in the store and its line in the file, while Control works."""


class Verdict(msgspec.Struct, frozen=True):
    """
    What verifying found.

    Attributes:
        rows: how many were right, from the first.
        checkpoints: how many were right.
        unsigned_rows: of the right ones, those that no checkpoint covers yet.
        flaws: what's wrong, () if nothing; the first bad row is in it.
    """

    rows: int
    checkpoints: int
    unsigned_rows: int
    flaws: tuple[Flaw, ...]


class ExportedRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A row as the admin API shows it and an export has it; hashes in hex."""

    seq: int
    at_ns: int
    actor: str
    action: str
    subject: str
    detail: str
    digest: str
    prev_hash: str


class ExportedCheckpoint(msgspec.Struct, frozen=True):
    """A checkpoint as an export has it: the line."""

    checkpoint: str


_export_checkpoints = msgspec.json.Decoder(ExportedCheckpoint)
_export_rows = msgspec.json.Decoder(ExportedRow)
_NO_ROW: StoredRow = (-1, b"", b"", 0, "", "", "", "")


def verify_folder(
    folder: Path, key: PublicKey, kept: Sequence[str] = (), pause: Callable[[float], None] = time.sleep
) -> Verdict:
    """
    Verify the SQLite store in `folder` and the file beside it, as `verify_store` does.

    Raises:
        ConfigError: there's no store that can be read.
    """
    path = folder / STORE_FILE
    if not path.is_file():
        raise ConfigError(f"there is no {STORE_FILE} in {str(folder)!r}")
    return verify_store(SqliteFile(path), folder, key, kept, pause)


def verify_store(
    database: Database,
    folder: Path,
    key: PublicKey,
    kept: Sequence[str] = (),
    pause: Callable[[float], None] = time.sleep,
) -> Verdict:
    """
    Verify the audit log of a store and the file beside it; Control may be working there.

    Args:
        database: the store.
        folder: Control's `state_dir`.
        key: of this folder, better from elsewhere.
        kept: lines of checkpoints that were kept elsewhere: all of them must be there.
        pause: waits.
    """
    earlier = read_lines(folder)

    def compare(connection: Connection) -> Verdict:
        numbered = connection.execute("SELECT number, line FROM audit_checkpoint ORDER BY number").fetchall()
        stored = [line if number == place else "" for place, (number, line) in enumerate(numbered, 1)]
        beside = _read_settled(folder, len(stored), len(earlier), pause)
        verdict = judge(stored, read_pages(connection, pause), key, kept)
        # What Control wrote since `stored` was read is judged the next time.
        flaw = compare_lines(stored, beside[: max(len(stored), len(earlier))])
        return verdict if flaw is None else msgspec.structs.replace(verdict, flaws=(*verdict.flaws, flaw))

    try:
        return database.scan(compare)
    except database.refusals as error:
        return Verdict(0, 0, 0, (Flaw("row", 0, f"can't be read: the store is damaged or away ({error})"),))


def verify_export(path: Path, key: PublicKey, kept: Sequence[str] = ()) -> Verdict:
    """
    Verify a file that `turnout audit export --format jsonl` wrote.

    Raises:
        ConfigError: it can't be read.
    """
    try:
        with path.open(encoding="utf-8", errors="surrogateescape") as file:
            lines = list(_read_checkpoints(file))
            file.seek(0)
            return judge(lines, [map(_read_row, islice(file, len(lines), None))], key, kept)
    except OSError as error:
        raise ConfigError(f"{str(path)!r} can't be read: {error.strerror}") from error


def judge(lines: Sequence[str], pages: Iterable[Iterable[StoredRow]], key: PublicKey, kept: Sequence[str]) -> Verdict:
    """Compare rows with the checkpoints of `lines`, and those with the ones that were kept elsewhere."""
    checkpoints, bad_line = check_lines(lines, key)
    flaws = [] if bad_line is None else [bad_line]
    if not lines:
        flaws.append(
            Flaw("checkpoint", 1, "is missing, so nothing says how far the log had come: all of them were removed")
        )
    there = set(lines)
    flaws += [
        Flaw("checkpoint", 0, f"that was kept elsewhere is missing: {line[:200]}") for line in kept if line not in there
    ][:1]
    log = Chain(checkpoints)
    for page in pages:
        if not log.take(page):
            break
    flaw = log.end()
    if flaw is not None:
        flaws.insert(0, flaw)
    unsigned = max(0, log.rows - (checkpoints[-1].rows if checkpoints else 0))
    if unsigned and checkpoints and checkpoints[-1].reason == "stop" and flaw is None:
        flaws.append(
            Flaw("row", checkpoints[-1].seq, "was the last when Control stopped; the rows after it aren't Control's")
        )
    return Verdict(log.rows, len(checkpoints), unsigned, tuple(flaws))


def read_pages(connection: Connection, pause: Callable[[float], None]) -> Iterator[list[StoredRow]]:
    """All rows, page by page, each page read at once: no reader stands in the way of Control's write-ahead log."""
    after = 0
    while page := connection.execute(SELECT_ROWS, (after, PAGE)).fetchall():
        yield page
        after = page[-1][0]
        pause(0)


def export_row(row: StoredRow) -> ExportedRow:
    """A row as it's shown and exported."""
    seq, prev_hash, digest, at_ns, actor, action, subject, detail = row
    return ExportedRow(seq, at_ns, actor, action, subject, detail, digest.hex(), prev_hash.hex())


def _read_settled(folder: Path, wanted: int, earlier: int, pause: Callable[[float], None]) -> list[str]:
    """The file's lines, after Control has had the time to write the one that it's writing; it writes one at a time."""
    lines = read_lines(folder)
    if len(lines) == wanted - 1 and wanted > earlier:
        pause(SETTLE_S)
        lines = read_lines(folder)
    return lines


def _read_checkpoints(texts: Iterable[str]) -> Iterator[str]:
    """The checkpoints, which stand before the rows."""
    for text in texts:
        try:
            yield _export_checkpoints.decode(text).checkpoint
        except (ValueError, UnicodeError):
            return


def _read_row(text: str) -> StoredRow:
    """A line of an export; one that isn't a row is one that follows from nothing."""
    try:
        row = _export_rows.decode(text)
        return (
            row.seq, bytes.fromhex(row.prev_hash), bytes.fromhex(row.digest),
            row.at_ns, row.actor, row.action, row.subject, row.detail,
        )  # fmt: skip
    except (ValueError, UnicodeError):
        return _NO_ROW
