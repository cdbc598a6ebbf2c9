"""Timeouts without a timer for each piece: one coarse tick looks at everything that's under way."""

import asyncio

from turnout.models.http.connection import Connection

TICK_S = 0.025


class Deadlines:
    """
    Owns the connections with a request under way, and the tick that looks at them.

    Limits are kept to about two ticks (50 ms), never early. Nothing wakes up while nothing is under way.
    """

    __slots__ = ("_due_at", "_loop", "_timer", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: set[Connection] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0

    def __repr__(self) -> str:
        return f"Deadlines({len(self._watched)} watched)"

    def watch(self, connection: Connection) -> None:
        """Look at `connection` on each tick from now on."""
        self._watched.add(connection)
        if self._timer is None:
            self._start()

    def unwatch(self, connection: Connection) -> None:
        """Don't look at it any more."""
        self._watched.discard(connection)

    def close(self) -> None:
        """Stop ticking."""
        self._watched.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._due_at = self._loop.time() + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        self._timer = None
        now = self._loop.time()
        # A tick that is late itself means that the loop stood still: answers may be waiting unread, so they get one more turn.
        if now - self._due_at < TICK_S:
            for connection in tuple(self._watched):
                connection.stop_if_overdue(now)
        if self._watched:
            self._start()
