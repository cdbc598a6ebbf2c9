"""Timeouts without a timer for each piece: one coarse tick looks at everything that's under way."""

import asyncio

from turnout.models.http.connection import Connection
from turnout.models.http.relay import Relay

TICK_S = 0.025


class Deadlines:
    """
    Owns the list of exchanges under way, and the tick that looks at them.

    By exchange and not by connection: a connection may have the next one before whoever waited for the last has heard that it's over. Limits are
    kept to about two ticks (50 ms), never early. Nothing wakes up while nothing is under way.
    """

    __slots__ = ("_due_at", "_loop", "_timer", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[Relay, Connection] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0

    def __repr__(self) -> str:
        return f"Deadlines({len(self._watched)} watched)"

    def __len__(self) -> int:
        """How many exchanges are under way."""
        return len(self._watched)

    def watch(self, relay: Relay, connection: Connection) -> None:
        """Look at `relay`, which is on `connection`, on each tick from now on."""
        self._watched[relay] = connection
        if self._timer is None:
            self._start()

    def unwatch(self, relay: Relay) -> None:
        """Don't look at it any more."""
        self._watched.pop(relay, None)

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
            for relay, connection in tuple(self._watched.items()):
                connection.stop_if_overdue(relay, now)
        if self._watched:
            self._start()
