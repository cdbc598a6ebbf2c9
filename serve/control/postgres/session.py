"""The one connection that writes to a PostgreSQL database, as long as it holds the database's lock."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import TypeVar

import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncConnection

from turnout.serve.config.secret import ConfigError
from turnout.serve.control.database import Connection, WriterReplaced
from turnout.serve.control.postgres.connection import PostgresConnection, find_sqlstate
from turnout.serve.control.postgres.schema import migrate
from turnout.serve.control.postgres.server import REFUSALS, PostgresServer

LOCK = 0x7475726E
"""The number of the advisory lock (`turn`); each database has its own."""

LOCK_WAIT_S = 3.0
"""For a Control that's about to end; the server notices within milliseconds that a process is gone."""

_LOCK_NOT_AVAILABLE = "55P03"
_UNSAID = ("", "08", "57")
"""Of SQLSTATE: nothing was said, the connection was lost, or the server stops."""

_FIND_HOLDER = f"""
    SELECT activity.application_name, coalesce(host(activity.client_addr), 'a socket of its own machine')
    FROM pg_locks AS lock JOIN pg_stat_activity AS activity ON activity.pid = lock.pid
    WHERE lock.locktype = 'advisory' AND lock.granted AND lock.classid = 0 AND lock.objid = {LOCK}
        AND lock.database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""  # noqa: S608  our own number
_PUT_WRITER = (
    "INSERT INTO document (name, body) VALUES ('writer', ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body"
)
_FIND_WRITER = "SELECT body FROM document WHERE name = 'writer'"
T = TypeVar("T")


class PostgresSession:
    """
    A `Session` on a server. The lock belongs to the connection, so whatever writes holds it.

    A lost connection is opened again by the next transaction, if nobody else has written meanwhile: what Control has in memory would be stale.
    """

    refusals = REFUSALS

    def __init__(self, server: PostgresServer, writer: bytes) -> None:
        """
        Args:
            writer: unlike that of any other session; the database keeps whose turn it is.
        """
        self._server = server
        self._writer = writer
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._opened = AsyncExitStack()
        self._connection: AsyncConnection | None = None

    def open(self) -> None:
        """
        Connect, take the lock and bring the database to this version's schema.

        Raises:
            ConfigError: the server is away or refuses, another Control holds the lock, or the schema is newer or another program's.
        """
        try:
            self._runner.run(self._open())
        except REFUSALS as error:
            self.close()
            raise ConfigError(f"{self._server.place} can't be used: {_first_line(error)}") from None
        except ConfigError:
            self.close()
            raise

    def transact(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        """See `Session`."""
        return self._runner.run(self._transact(work, writes))

    def close(self) -> None:
        """See `Session`."""
        self._runner.run(self._disconnect())
        self._runner.close()

    async def _open(self) -> None:
        connection = await self._connect()
        if not await _try_lock(connection):
            raise ConfigError(await self._tell_holder(connection))
        encoding = await connection.scalar(sqlalchemy.text("SHOW server_encoding"))
        if encoding != "UTF8":
            raise ConfigError(f"{self._server.place} has the encoding {encoding!r}: make it with ENCODING 'UTF8'")
        await connection.run_sync(migrate, self._server.place)
        await connection.run_sync(lambda lent: PostgresConnection(lent).execute(_PUT_WRITER, (self._writer,)))
        await connection.commit()

    async def _transact(self, work: Callable[[Connection], T], writes: bool) -> T:
        try:
            connection = self._connection or await self._reconnect()
            result = await connection.run_sync(lambda lent: work(PostgresConnection(lent)))
        except REFUSALS:
            await self._disconnect()
            raise
        try:
            await connection.commit()
        except REFUSALS as error:
            await self._disconnect()
            if writes and find_sqlstate(error)[:2] in _UNSAID:
                raise WriterReplaced("the answer to a commit was lost, so nobody knows whether it's kept") from error
            raise
        return result

    async def _reconnect(self) -> AsyncConnection:
        connection = await self._connect()
        has_lock = await _try_lock(connection)
        found = await connection.run_sync(lambda lent: PostgresConnection(lent).execute(_FIND_WRITER).fetchone())
        await connection.commit()
        if found != (self._writer,):
            await self._disconnect()
            raise WriterReplaced("another Control has written meanwhile")
        if not has_lock:
            raise TimeoutError("the server still believes in the connection that was lost")
        return connection

    async def _connect(self) -> AsyncConnection:
        self._connection = await self._opened.enter_async_context(self._server.connect())
        return self._connection

    async def _tell_holder(self, connection: AsyncConnection) -> str:
        found = (await connection.exec_driver_sql(_FIND_HOLDER)).first()
        holder = " from ".join(found) if found else "gone by now"
        return (
            f"{self._server.place} is in use by another Control ({holder}): a ledger has one writer. "
            "Stop that cluster, or give this one another database"
        )

    async def _disconnect(self) -> None:
        self._connection = None
        opened, self._opened = self._opened, AsyncExitStack()
        try:
            await opened.aclose()
        except REFUSALS:
            return  # it's gone already


async def _try_lock(connection: AsyncConnection) -> bool:
    """Take the lock for as long as the connection stands, if it's free within `LOCK_WAIT_S`."""
    await connection.exec_driver_sql(f"SET LOCAL lock_timeout = {round(LOCK_WAIT_S * 1000)}")
    try:
        await connection.exec_driver_sql(f"SELECT pg_advisory_lock({LOCK})")
    except REFUSALS as error:
        if find_sqlstate(error) != _LOCK_NOT_AVAILABLE:
            raise
        await connection.rollback()
        return False
    await connection.commit()
    return True


def _first_line(error: BaseException) -> str:
    text = str(getattr(error, "orig", None) or error) or type(error).__name__
    return text.splitlines()[0]
