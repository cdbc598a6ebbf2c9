"""What the connections of one edge share: its clock, who is connected, and what is being answered."""

import asyncio
from collections import Counter
from collections.abc import Callable
from email.utils import formatdate
from typing import Protocol

from turnout.models.exchange import Handler
from turnout.serve.edge.config import EdgeLimits


class Swept(Protocol):
    """A connection as the sweep sees it."""

    deadline: float

    def expire(self) -> None:
        """Do what the passed deadline asks for."""
        ...

    def heed_drain(self) -> None:
        """Begin to leave."""
        ...

    def cut(self) -> None:
        """Close at once; the answer under way is cancelled."""
        ...


class Cancellable(Protocol):
    """An answer as the traffic sees it."""

    def cancel(self) -> None:
        """Cancel the handler."""
        ...


class Traffic:
    """
    Owns the state that an edge's connections share.

    `now` is the edge's clock in seconds. It stands still between sweeps, and a sweep never moves it by more than two periods: after a stall of the
    event loop nobody is punished for bytes that have been waiting in the kernel.
    """

    __slots__ = (
        "_draw",
        "_emptied",
        "_swept_at",
        "_wall",
        "answering",
        "connections",
        "date_line",
        "handler",
        "is_draining",
        "limits",
        "now",
        "refused",
    )

    def __init__(
        self, handler: Handler, limits: EdgeLimits, draw: Callable[[], float], wall: Callable[[], float], now: float
    ) -> None:
        self.handler = handler
        self.limits = limits
        self.now = now
        self.connections: set[Swept] = set()
        self.answering: set[Cancellable] = set()
        self.refused: Counter[int] = Counter()
        self.is_draining = False
        self._draw = draw
        self._wall = wall
        self._swept_at = now
        self._emptied: asyncio.Future[None] | None = None
        self.date_line = self._date()

    def __repr__(self) -> str:
        return (
            f"<Traffic connections={len(self.connections)} answering={len(self.answering)} draining={self.is_draining}>"
        )

    def retirement(self) -> float:
        """When a connection that begins now has to go, on `now`'s clock."""
        return self.now + self.limits.age_s * (0.75 + 0.5 * self._draw())

    def sweep(self, now: float) -> None:
        """Move the clock to `now` and expire what is due."""
        self.now += min(now - self._swept_at, 2 * self.limits.sweep_s)
        self._swept_at = now
        self.date_line = self._date()
        for connection in [each for each in self.connections if each.deadline <= self.now]:
            connection.expire()

    def begin_drain(self) -> None:
        """From now on every answer says `connection: close`."""
        self.is_draining = True
        for connection in list(self.connections):
            connection.heed_drain()

    def leave(self, connection: Swept) -> None:
        """Forget a connection that is lost."""
        self.connections.discard(connection)
        self._tell_if_empty()

    def finish(self, answer: Cancellable) -> None:
        """Forget an answer whose handler has returned."""
        self.answering.discard(answer)
        if self._emptied is not None:
            self._tell_if_empty()

    def cut_all(self) -> None:
        """Close every connection at once and cancel what is being answered."""
        for connection in list(self.connections):
            connection.cut()
        for answer in list(self.answering):
            answer.cancel()

    async def wait_empty(self) -> None:
        """Return when nobody is connected and no handler runs."""
        while self.connections or self.answering:
            self._emptied = asyncio.get_running_loop().create_future()
            await self._emptied

    def _tell_if_empty(self) -> None:
        if self._emptied is not None and not self._emptied.done() and not self.connections and not self.answering:
            self._emptied.set_result(None)

    def _date(self) -> bytes:
        return b"date: %b\r\n" % formatdate(self._wall(), usegmt=True).encode()
