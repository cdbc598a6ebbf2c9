"""The connections to one address."""

import asyncio
import ssl
from collections import deque
from dataclasses import dataclass

from turnout.models.http.connection import Connection
from turnout.models.outflow import Outflow
from turnout.models.upstream import Failure, Limits


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """
    How many connections are held to one address.

    Attributes:
        connections: most at once, in use or idle; further requests wait for one within their `connect_s`.
        idle_connections: most that are kept without a request.
        idle_s: how long one is kept so; shorter than the peer's own limit, or requests meet connections that are just being closed.
    """

    connections: int = 1024
    idle_connections: int = 256
    idle_s: float = 30.0


class NotConnectedError(Exception):
    """No connection could be had; nothing was sent. Says which `Failure` that is."""

    def __init__(self, failure: Failure, detail: str, /) -> None:
        super().__init__(failure, detail)
        self.failure = failure
        self.detail = detail


class Pool:
    """Owns every connection to one address; idle ones are used last in, first out, so that surplus ones grow old and are closed."""

    __slots__ = ("_connections", "_host", "_idle", "_limits", "_loop", "_outflow", "_port", "_tls", "_waiting")

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, limits: PoolLimits, outflow: Outflow) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._limits = limits
        self._outflow = outflow
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        self._waiting: deque[asyncio.Future[Connection | None]] = deque()

    def __repr__(self) -> str:
        return f"Pool({self._host}:{self._port}, {len(self._connections)} connections, {len(self._idle)} idle)"

    @property
    def is_empty(self) -> bool:
        """Whether nothing is open."""
        return not self._connections

    def try_take(self) -> Connection | None:
        """The idle connection used last, if there's one."""
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable:
                return connection
        return None

    async def open(self, limits: Limits) -> Connection:
        """
        Open a connection, TLS included, or wait for one where there are as many as may be; within `connect_s` and before `total_at`.

        Raises:
            NotConnectedError: it didn't come about.
        """
        connect_by = min(self._loop.time() + limits.connect_s, limits.total_at)
        try:
            async with asyncio.timeout_at(connect_by):
                while len(self._connections) >= self._limits.connections:
                    freed = await self._wait_for_one()
                    if freed is not None and freed.is_usable:
                        return freed
                connection = await self._connect()
        except TimeoutError:
            if self._loop.time() >= limits.total_at:
                raise NotConnectedError(
                    Failure.TOTAL_TIMEOUT, "no connection before the end of the total time"
                ) from None
            raise NotConnectedError(Failure.CONNECT_TIMEOUT, f"no connection within {limits.connect_s} s") from None
        except OSError as error:  # ssl.SSLError is one
            raise NotConnectedError(Failure.CONNECT, f"{type(error).__name__}: {error}") from error
        if not connection.is_usable:
            raise NotConnectedError(Failure.CONNECT, "closed as soon as it was open")
        return connection

    def keep(self, connection: Connection) -> None:
        """Take a connection back for the next request."""
        if self._waiting:
            self._hand_on(connection)
        elif len(self._idle) < self._limits.idle_connections:
            self._idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is closed."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._hand_on(None)
        if connection in self._idle:
            self._idle.remove(connection)

    def close_idle(self, now: float) -> float | None:
        """Close what has been idle for `idle_s` at `now`; when to look again, or None if nothing is idle."""
        expired = [c for c in self._idle if now - c.idle_since >= self._limits.idle_s]
        for connection in expired:
            connection.abort()
        return self._idle[0].idle_since + self._limits.idle_s if self._idle else None

    def close(self) -> None:
        """Close every connection; requests on them end as RESET."""
        for connection in tuple(self._connections):
            connection.abort()

    async def _connect(self) -> Connection:
        connection = Connection(self, self._loop.time, self._outflow)
        self._connections.add(connection)
        is_open = False
        try:
            await self._loop.create_connection(
                lambda: connection,
                self._host,
                self._port,
                ssl=self._tls,
                server_hostname=self._host if self._tls else None,
            )
            is_open = True
        finally:
            if not is_open:
                connection.abort()
        return connection

    async def _wait_for_one(self) -> Connection | None:
        """A connection that another request has done with, or None when there's room to open one."""
        waiter: asyncio.Future[Connection | None] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # it had its turn already, which goes to the next
                freed = waiter.result()
                if freed is not None and freed.is_usable:
                    self.keep(freed)
                else:
                    self._hand_on(None)
            raise

    def _hand_on(self, connection: Connection | None) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)
