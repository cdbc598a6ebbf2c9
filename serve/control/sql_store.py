"""Keeps ledger, audit log and settings in tables, of whichever database."""

from collections.abc import Callable, Sequence

import msgspec

from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.serve.config.overlay import Overlay
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection, Database
from turnout.serve.control.decisions.rows import add_decisions
from turnout.serve.control.events import append_event
from turnout.serve.control.reports.prices import record_prices
from turnout.serve.control.store import Accepted, AuditRow, LedgerRow

ENTRY_FIELDS = tuple(name for name in LedgerEntry.__struct_fields__ if name != "budgets")
"""Columns of `ledger`, in the order of a row's values."""

_EVENT_FIELDS = AuditEvent.__struct_fields__
_SELECT_ENTRIES = f"SELECT seq, {', '.join(ENTRY_FIELDS)} FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608
_SELECT_EVENTS = f"SELECT seq, prev_hash, {', '.join(_EVENT_FIELDS)} FROM audit WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608

Follower = Callable[[Connection, str, Sequence[LedgerEntry]], object]
"""Told of rows that were just inserted, and of the router that sent them, within the same transaction."""


class SqlStore:
    """
    A `ControlStore` in a database's tables. Make and `close` it on the loop that uses it.

    Attributes:
        committer: owns the connection that writes; parts of Control with tables of their own work through it.
        database: how others read beside it.
        followers: told of new rows; add to it before the first comes.
    """

    def __init__(self, committer: Committer, database: Database) -> None:
        self.committer = committer
        self.database = database
        self.followers: list[Follower] = []

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.database!r}, {self.committer!r})"

    @property
    def is_alive(self) -> bool:
        """Whether it can still write."""
        return self.committer.is_alive

    async def close(self) -> None:
        """Write what waits, and close the session."""
        await self.committer.close()

    async def append(self, journal: Journal) -> None:
        """See `LedgerStore`."""
        await self.committer.write(lambda connection: self._append(connection, journal))

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

    def _append(self, connection: Connection, journal: Journal) -> None:
        inserted = self.database.insert_entries(connection, journal.entries) if journal.entries else ()
        if inserted:
            for follow in self.followers:
                follow(connection, journal.router, inserted)
        for event in journal.events:
            append_event(connection, event)
        if journal.decisions:
            add_decisions(connection, journal.decisions)


def _put_accepted(connection: Connection, accepted: Accepted, event: AuditEvent) -> None:
    _put_document(connection, "accepted", accepted, event)
    record_prices(connection, accepted)


def _find_document(connection: Connection, name: str) -> bytes | None:
    row = connection.execute("SELECT body FROM document WHERE name = ?", (name,)).fetchone()
    return row[0] if row else None


def _put_document(connection: Connection, name: str, document: Overlay | Accepted, event: AuditEvent) -> None:
    connection.execute(
        "INSERT INTO document (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        (name, msgspec.msgpack.encode(document)),
    )
    append_event(connection, event)
