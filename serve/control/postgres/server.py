"""Opens connections to a PostgreSQL server, and reads from it beside the one that writes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
import msgspec
from asyncpg.exceptions import ClientConfigurationError
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from turnout.models.ledger import LedgerEntry
from turnout.serve.config.secret import ConfigError
from turnout.serve.config.store import write_place
from turnout.serve.control.database import Connection
from turnout.serve.control.postgres.connection import PostgresConnection
from turnout.serve.control.sql_store import ENTRY_FIELDS

CONNECT_S = 5.0
STATEMENT_S = 30.0
"""Longest wait for an answer; a server that's silent for longer is away."""

SERVER_SETTINGS = {
    "synchronous_commit": "on",  # whatever the role's or the database's default is: rows are acknowledged after their commit
    "jit": "off",  # compiling took longer than any of these statements
    # So that the lock of a Control whose node is gone is free after 11 s, and not after the 2 h of most systems.
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "2",
    "tcp_keepalives_count": "3",
}
REFUSALS = (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError)
"""What connecting and statements raise; a time-out is an OSError."""

T = TypeVar("T")
_COLUMN_TYPES = {field.name: "text" if field.type is str else "bigint" for field in msgspec.structs.fields(LedgerEntry)}
_INSERT_ENTRIES = (
    f"INSERT INTO ledger ({', '.join(ENTRY_FIELDS)}) "  # noqa: S608  our own names
    f"SELECT * FROM unnest({', '.join(f'CAST(? AS {_COLUMN_TYPES[name]}[])' for name in ENTRY_FIELDS)}) "
    "ON CONFLICT (request_id, attempt) DO NOTHING RETURNING request_id, attempt"
)


class PostgresServer:
    """A `Database` on a server; each call opens a connection and closes it. None may be on a thread with a running loop."""

    refusals = REFUSALS

    def __init__(self, url: str, name: str) -> None:
        """
        Args:
            url: `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`, with libpq's options after `?`.
            name: shown to the server's administrators beside each connection.

        Raises:
            ConfigError: it's no such URL. It isn't repeated, since it may hold a password.
        """
        self._url = url
        self._name = name
        self.place = write_place(url)
        self._engine = create_async_engine(
            "postgresql+asyncpg://", async_creator=self._connect, poolclass=NullPool, hide_parameters=True
        )

    def __repr__(self) -> str:
        return f"PostgresServer({self.place!r})"

    @asynccontextmanager
    async def connect(self) -> AsyncGenerator[AsyncConnection]:
        """A connection, open as long as the block. Raises one of `REFUSALS`, or ConfigError for options of the URL that make no sense."""
        async with self._engine.connect() as connection:
            yield connection

    def insert_entries(self, connection: Connection, entries: Sequence[LedgerEntry]) -> Sequence[LedgerEntry]:
        """See `Database`; all of them in one statement."""
        columns = zip(*(msgspec.structs.astuple(entry)[: len(ENTRY_FIELDS)] for entry in entries), strict=True)
        inserted = set(connection.execute(_INSERT_ENTRIES, [list(column) for column in columns]))
        if len(inserted) == len(entries):
            return entries
        first = {(entry.request_id, entry.attempt): entry for entry in reversed(entries)}
        return [entry for place, entry in reversed(first.items()) if place in inserted]

    def read(self, work: Callable[[Connection], T], deadline_s: float) -> T:
        """See `Database`; what `work` does to the database is undone."""

        def read_one_state(connection: Connection) -> T:
            connection.execute(f"SET LOCAL statement_timeout = {round(deadline_s * 1000)}")
            return work(connection)

        return asyncio.run(self._lend(read_one_state, "REPEATABLE READ"))

    def scan(self, work: Callable[[Connection], T]) -> T:
        """See `Database`."""
        return asyncio.run(self._lend(work, "AUTOCOMMIT"))

    async def _lend(self, work: Callable[[Connection], T], isolation_level: str) -> T:
        async with self.connect() as connection:
            await connection.execution_options(isolation_level=isolation_level)
            return await connection.run_sync(lambda lent: work(PostgresConnection(lent)))

    async def _connect(self) -> asyncpg.Connection:
        settings = {**SERVER_SETTINGS, "application_name": self._name}
        try:
            connection = await asyncpg.connect(
                self._url, timeout=CONNECT_S, command_timeout=STATEMENT_S, server_settings=settings
            )
        except (ClientConfigurationError, ValueError) as error:
            raise ConfigError(f"the URL of {self.place} has options that can't be used") from error
        # PostgreSQL's sums of 64-bit numbers have another type; ours are whole.
        await connection.set_type_codec("numeric", schema="pg_catalog", encoder=str, decoder=int, format="text")
        return connection
