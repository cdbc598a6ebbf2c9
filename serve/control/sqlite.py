"""Keeps everything in one SQLite file: write-ahead log, every commit on disk before it's acknowledged."""

import hashlib
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import msgspec

from turnout.models.errors import BadRequest
from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.secret import ConfigError
from turnout.serve.control.committer import Committer
from turnout.serve.control.reports.prices import record_prices
from turnout.serve.control.schema.directory import DIRECTORY
from turnout.serve.control.schema.ledger import LEDGER
from turnout.serve.control.schema.money import MONEY
from turnout.serve.control.schema.proof import PROOF
from turnout.serve.control.store import Accepted, AuditRow, LedgerRow

APPLICATION_ID = 0x7475726E
"""In the file's header (`turn`), so that another program's database isn't taken for ours."""

CHECKPOINT_PAGES = 8000
"""Pages of 4 KiB in the write-ahead log before they are copied into the file: fewer copies took 1.3 of 7 µs off a row."""

MIGRATIONS = (LEDGER, DIRECTORY, MONEY, PROOF)
"""The n-th brings a file from schema version n to n + 1; never changed once released."""

_ENTRY_FIELDS = tuple(name for name in LedgerEntry.__struct_fields__ if name != "budgets")
_NULLABLE = ("cost_nusd", "first_byte_us")
_EVENT_FIELDS = AuditEvent.__struct_fields__
_INSERT_ENTRY = (
    f"INSERT INTO ledger ({', '.join(_ENTRY_FIELDS)}) VALUES "  # noqa: S608  our own names
    f"({', '.join('nullif(?, -1)' if name in _NULLABLE else '?' for name in _ENTRY_FIELDS)}) "
    "ON CONFLICT (request_id, attempt) DO NOTHING"
)
_SELECT_ENTRIES = f"SELECT seq, {', '.join(_ENTRY_FIELDS)} FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_SELECT_EVENTS = f"SELECT seq, prev_hash, {', '.join(_EVENT_FIELDS)} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_GENESIS = bytes(32)


Follower = Callable[[sqlite3.Connection, str, Sequence[LedgerEntry]], object]
"""Told of rows that were just inserted, and of the router that sent them, within the same transaction."""


class SqliteStore:
    """
    A `ControlStore` in one file. `open` and `close` it on the loop that uses it; only one process may, see `lock.py`.

    Attributes:
        committer: owns the connection; parts of Control with tables of their own work through it.
        path: the file.
        followers: told of new rows; add to it before the first comes.
    """

    def __init__(self, committer: Committer, path: Path) -> None:
        self.committer = committer
        self.path = path
        self.followers: list[Follower] = []

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r}, {self.committer!r})"

    @classmethod
    def open(cls, path: Path, linger_s: float = 0.002) -> Self:
        """
        Open the file, make it if it isn't there, and bring it to this version's schema.

        Raises:
            ConfigError: it's newer than this version, another program's, or no database.
        """
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
            migrate(connection, path)
        except sqlite3.DatabaseError as error:
            connection.close()
            raise ConfigError(f"the store {str(path)!r} can't be used: {error}") from error
        except ConfigError:
            connection.close()
            raise
        return cls(Committer(connection, linger_s), path)

    @property
    def is_alive(self) -> bool:
        """Whether it can still write."""
        return self.committer.is_alive

    async def close(self) -> None:
        """Write what waits, and close the file."""
        await self.committer.close()

    async def append(self, journal: Journal) -> None:
        """See `LedgerStore`."""
        await self.committer.write(lambda connection: _append(connection, journal, self.followers))

    async def list_entries(self, after: int, limit: int) -> list[LedgerRow]:
        """See `LedgerStore`."""
        rows = await self.committer.read(
            lambda connection: connection.execute(_SELECT_ENTRIES, (after, limit)).fetchall()
        )
        return [LedgerRow(seq, msgspec.convert(fields, LedgerEntry, strict=False)) for seq, *fields in rows]

    async def list_events(self, after: int, limit: int) -> list[AuditRow]:
        """See `LedgerStore`."""
        rows = await self.committer.read(
            lambda connection: connection.execute(_SELECT_EVENTS, (after, limit)).fetchall()
        )
        return [AuditRow(seq, AuditEvent(*fields), prev_hash) for seq, prev_hash, *fields in rows]

    async def get_overlay(self) -> Overlay:
        """See `SettingsStore`."""
        body = await self.committer.read(lambda connection: _find_document(connection, "overlay"))
        return Overlay() if body is None else msgspec.msgpack.decode(body, type=Overlay)

    async def put_overlay(self, overlay: Overlay, event: AuditEvent) -> None:
        """See `SettingsStore`."""
        await self.committer.write(lambda connection: _put_document(connection, "overlay", overlay, event))

    async def find_accepted(self) -> Accepted | None:
        """See `SettingsStore`."""
        body = await self.committer.read(lambda connection: _find_document(connection, "accepted"))
        return None if body is None else msgspec.msgpack.decode(body, type=Accepted)

    async def put_accepted(self, accepted: Accepted, event: AuditEvent) -> None:
        """See `SettingsStore`."""
        await self.committer.write(lambda connection: _put_accepted(connection, accepted, event))


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to the newest schema in one transaction, or raise ConfigError and change nothing."""
    (application_id,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application_id != APPLICATION_ID:
        raise ConfigError(f"{str(path)!r} is another program's database; choose another state_dir")
    if version > len(MIGRATIONS):
        raise ConfigError(
            f"{str(path)!r} has schema version {version}, this version of Turnout knows {len(MIGRATIONS)}: "
            "use the newer Turnout that wrote it, or another state_dir"
        )
    if version < len(MIGRATIONS):
        steps = "".join(MIGRATIONS[version:])
        connection.executescript(
            f"BEGIN IMMEDIATE; {steps} PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {len(MIGRATIONS)}; COMMIT;"
        )


def chain_hash(prev_hash: bytes, digest: bytes) -> bytes:
    """What the next audit row has as its `prev_hash`."""
    return hashlib.blake2b(prev_hash + digest, digest_size=32).digest()


def digest_event(event: AuditEvent) -> bytes:
    """32 bytes that stand for an event: the same one sent twice is kept once."""
    return hashlib.blake2b(msgspec.msgpack.encode(event), digest_size=32).digest()


def _append(connection: sqlite3.Connection, journal: Journal, followers: Sequence[Follower]) -> None:
    try:
        inserted = _insert(connection, journal.entries)
    except OverflowError as error:
        raise BadRequest("a row has a number of more than 63 bits") from error
    if inserted:
        for follow in followers:
            follow(connection, journal.router, inserted)
    for event in journal.events:
        append_event(connection, event)


def _insert(connection: sqlite3.Connection, entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry]:
    """Add the rows that aren't there yet; which those were. Only where some were there already, each is looked at by itself."""
    connection.execute("SAVEPOINT rows")
    if connection.executemany(_INSERT_ENTRY, map(_bind, entries)).rowcount != len(entries):
        connection.execute("ROLLBACK TO rows")
        entries = [entry for entry in entries if connection.execute(_INSERT_ENTRY, _bind(entry)).rowcount]
    connection.execute("RELEASE rows")
    return entries


def _bind(entry: LedgerEntry) -> tuple[str | int, ...]:
    """
    The row's values as exact str and int, with -1 for NULL.

    Python's sqlite3 looks for an adapter of every other type, None and bool among them, which costs more than writing the value.
    """
    *fields, cost_nusd, first_byte_us, total_us, is_stream, tags, _ = msgspec.structs.astuple(entry)
    return (
        *fields,
        -1 if cost_nusd is None else cost_nusd,
        -1 if first_byte_us is None else first_byte_us,
        total_us,
        1 if is_stream else 0,
        tags,
    )


def append_event(connection: sqlite3.Connection, event: AuditEvent) -> None:
    """Add an event to the chain; one that's there already isn't added again."""
    last = connection.execute("SELECT prev_hash, digest FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    row = (*msgspec.structs.astuple(event), digest_event(event), chain_hash(*last) if last else _GENESIS)
    connection.execute(
        "INSERT INTO audit (at_ns, actor, action, subject, detail, digest, prev_hash) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING",
        row,
    )


def _put_accepted(connection: sqlite3.Connection, accepted: Accepted, event: AuditEvent) -> None:
    _put_document(connection, "accepted", accepted, event)
    record_prices(connection, accepted)


def _find_document(connection: sqlite3.Connection, name: str) -> bytes | None:
    row = connection.execute("SELECT body FROM document WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _put_document(connection: sqlite3.Connection, name: str, document: Overlay | Accepted, event: AuditEvent) -> None:
    connection.execute(
        "INSERT OR REPLACE INTO document (name, body) VALUES (?, ?)", (name, msgspec.msgpack.encode(document))
    )
    append_event(connection, event)
