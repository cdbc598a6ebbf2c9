"""The connections to one address."""

import asyncio
import ssl
from dataclasses import dataclass

from turnout.models.http.connection import Connection
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

    __slots__ = ("_connections", "_host", "_idle", "_limits", "_loop", "_port", "_tls", "slots")

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, limits: PoolLimits) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._idle: list[Connection] = []
        self._connections: set[Connection] = set()
        # A slot is a request's: as an idle connection is always taken before a new one is opened, there are never more connections than slots.
        self.slots = asyncio.Semaphore(limits.connections)

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
        Open a connection, TLS included, within `connect_s` and before `total_at`.

        Raises:
            NotConnectedError: it didn't come about.
        """
        connection = Connection(self, self._loop.time)
        self._connections.add(connection)
        try:
            async with asyncio.timeout_at(connect_by(self._loop.time(), limits)):
                await self._loop.create_connection(
                    lambda: connection,
                    self._host,
                    self._port,
                    ssl=self._tls,
                    server_hostname=self._host if self._tls else None,
                )
        except TimeoutError:
            connection.abort()
            raise late_to_connect(self._loop.time(), limits) from None
        except OSError as error:  # ssl.SSLError is one
            connection.abort()
            raise NotConnectedError(Failure.CONNECT, f"{type(error).__name__}: {error}") from error
        except asyncio.CancelledError:
            connection.abort()
            raise
        if not connection.is_usable:
            raise NotConnectedError(Failure.CONNECT, "closed as soon as it was open")
        return connection

    def keep(self, connection: Connection) -> None:
        """Take a connection back for the next request."""
        if len(self._idle) < self._limits.idle_connections:
            self._idle.append(connection)
        else:
            connection.abort()

    def forget(self, connection: Connection) -> None:
        """Drop a connection that is closed."""
        self._connections.discard(connection)
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


def connect_by(now: float, limits: Limits) -> float:
    """When a connection has to be open, on the clock of `now`."""
    return min(now + limits.connect_s, limits.total_at)


def late_to_connect(now: float, limits: Limits) -> NotConnectedError:
    """What to raise when no connection was there in time."""
    if now >= limits.total_at:
        return NotConnectedError(Failure.TOTAL_TIMEOUT, "no connection before the end of the total time")
    return NotConnectedError(Failure.CONNECT_TIMEOUT, f"no connection within {limits.connect_s} s")
