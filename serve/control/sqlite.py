"""Keeps everything in one SQLite file: write-ahead log, every commit on disk before it's acknowledged."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self, TypeVar

import msgspec

from turnout.models.errors import BadRequest
from turnout.models.ledger import LedgerEntry
from turnout.serve.config.secret import ConfigError
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection
from turnout.serve.control.schema.decisions import DECISIONS
from turnout.serve.control.schema.directory import DIRECTORY
from turnout.serve.control.schema.ledger import LEDGER
from turnout.serve.control.schema.money import MONEY
from turnout.serve.control.schema.proof import PROOF
from turnout.serve.control.sql_store import ENTRY_FIELDS, SqlStore

APPLICATION_ID = 0x7475726E
"""In the file's header (`turn`), so that another program's database isn't taken for ours."""

CHECKPOINT_PAGES = 8000
"""Pages of 4 KiB in the write-ahead log before they are copied into the file: fewer copies took 1.3 of 7 µs off a row."""

STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's virtual machine, about a millisecond's worth."""

MIGRATIONS = (LEDGER, DIRECTORY, MONEY, PROOF, DECISIONS)
"""The n-th brings a file from schema version n to n + 1; never changed once released."""

_NULLABLE = ("cost_nusd", "first_byte_us")
_INSERT_ENTRY = (
    f"INSERT INTO ledger ({', '.join(ENTRY_FIELDS)}) VALUES "  # noqa: S608  our own names
    f"({', '.join('nullif(?, -1)' if name in _NULLABLE else '?' for name in ENTRY_FIELDS)}) "
    "ON CONFLICT (request_id, attempt) DO NOTHING"
)
T = TypeVar("T")


class SqliteStore(SqlStore):
    """A `SqlStore` in one file; only one process may open it, see `state_dir.py`."""

    @classmethod
    def open(cls, path: Path, linger_s: float = 0.002) -> Self:
        """
        Open the file, make it if it isn't there, and bring it to this version's schema.

        Raises:
            ConfigError: it's newer than this version, another program's, or no database.
        """
        return cls(Committer(SqliteSession.open(path), linger_s), SqliteFile(path))


class SqliteSession:
    """A `Session` on one file."""

    refusals = (sqlite3.Error,)

    def __init__(self, connection: sqlite3.Connection) -> None:
        """
        Args:
            connection: without transactions of its own.
        """
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """See `SqliteStore.open`."""
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
        return cls(connection)

    def transact(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        """See `Session`."""
        try:
            self._connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
            result = work(self._connection)
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise
        return result

    def close(self) -> None:
        """See `Session`."""
        self._connection.close()


class SqliteFile:
    """A `Database` in one file."""

    refusals = (sqlite3.Error,)

    def __init__(self, path: Path) -> None:
        self._url = f"{path.resolve().as_uri()}?mode=ro"

    def __repr__(self) -> str:
        return f"SqliteFile({self._url!r})"

    def insert_entries(self, connection: Connection, entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry]:
        """See `Database`. Only where some were there already, each is looked at by itself."""
        connection.execute("SAVEPOINT entries")
        try:
            if connection.executemany(_INSERT_ENTRY, map(_bind, entries)).rowcount != len(entries):
                connection.execute("ROLLBACK TO entries")
                entries = [entry for entry in entries if connection.execute(_INSERT_ENTRY, _bind(entry)).rowcount]
        except OverflowError as error:
            raise BadRequest("a row has a number of more than 63 bits") from error
        connection.execute("RELEASE entries")
        return entries

    def read(self, work: Callable[[Connection], T], deadline_s: float) -> T:
        """See `Database`."""
        ends_at = time.monotonic() + deadline_s
        with contextlib.closing(self._connect()) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > ends_at, STEPS_BETWEEN_LOOKS)
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("BEGIN")
            return work(connection)

    def scan(self, work: Callable[[Connection], T]) -> T:
        """See `Database`."""
        with contextlib.closing(self._connect()) as connection:
            return work(connection)

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._url, uri=True, isolation_level=None, timeout=5.0)


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
