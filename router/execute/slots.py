"""Bounds how much runs at once per model; who waits is ordered by priority, then deadline, then arrival."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable
from types import TracebackType

from turnout.models.errors import NoTarget, UpstreamTimeout
from turnout.router.catalogue import ModelRoute
from turnout.router.ready import READY

RETRY_AFTER_S = 1.0


class Slots:
    """Owns one waiting line per model of this router replica; bounded by each route's `max_in_flight` and `max_waiting`."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def __repr__(self) -> str:
        return f"<Slots {', '.join(map(repr, self._lines.values()))}>"

    def slot(self, route: ModelRoute, priority: int, deadline_at: float) -> "Slot":
        """
        A slot for `async with`; held until the block ends.

        Raises (on entering):
            NoTarget: the line is full.
            UpstreamTimeout: the deadline (event-loop time) passed while waiting.
        """
        line = self._lines.get(route.name)
        if line is None:
            line = self._lines[route.name] = Line(route)
        line.route = route  # its limits may have changed
        return Slot(line, priority, deadline_at)

    def keep_only(self, models: set[str]) -> None:
        """Forget the lines of models that are gone from the config and have nobody in them."""
        for name in [n for n, line in self._lines.items() if n not in models and line.is_idle]:
            del self._lines[name]

    def waiting(self) -> dict[str, int]:
        """How many wait, by model."""
        return {name: len(line.waiters) for name, line in self._lines.items()}


class Line:
    """One model's running count and waiters; changed by its Slots only."""

    __slots__ = ("_order", "in_flight", "route", "waiters")

    def __init__(self, route: ModelRoute) -> None:
        self.route = route
        self.in_flight = 0
        self.waiters: list[tuple[int, float, int, asyncio.Future[None]]] = []
        self._order: Callable[[], int] = itertools.count().__next__

    def __repr__(self) -> str:
        return f"{self.route.name}: {self.in_flight} running, {len(self.waiters)} waiting"

    @property
    def is_idle(self) -> bool:
        """Nobody runs or waits."""
        return not self.in_flight and not self.waiters

    def try_enter(self) -> bool:
        """Take a slot if one is free and nobody waits."""
        if self.in_flight < self.route.max_in_flight and not self.waiters:
            self.in_flight += 1
            return True
        return False

    async def enter(self, priority: int, deadline_at: float) -> None:
        """Wait for a slot."""
        if len(self.waiters) >= self.route.max_waiting:
            raise NoTarget(
                f"Too many requests are waiting for model {self.route.name!r}; try again later.", None, RETRY_AFTER_S
            )
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        entry = (priority, deadline_at, self._order(), turn)
        heapq.heappush(self.waiters, entry)
        timer = loop.call_at(deadline_at, _expire, turn, self.route.name)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.leave()  # the slot came in the same moment as the cancellation
            else:
                self._forget(entry)
            raise
        except UpstreamTimeout:
            self._forget(entry)
            raise
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Give the slot to the first in line."""
        self.in_flight -= 1
        while self.waiters and self.in_flight < self.route.max_in_flight:
            turn = heapq.heappop(self.waiters)[3]
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)

    def _forget(self, entry: tuple[int, float, int, asyncio.Future[None]]) -> None:
        if entry in self.waiters:
            self.waiters.remove(entry)
            heapq.heapify(self.waiters)


class Slot:
    """One entry into a line."""

    __slots__ = ("_deadline_at", "_line", "_priority")

    def __init__(self, line: Line, priority: int, deadline_at: float) -> None:
        self._line = line
        self._priority = priority
        self._deadline_at = deadline_at

    def __aenter__(self) -> Awaitable[None]:
        return READY if self._line.try_enter() else self._line.enter(self._priority, self._deadline_at)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        self._line.leave()
        return READY


def _expire(turn: asyncio.Future[None], name: str) -> None:
    if not turn.done():
        turn.set_exception(UpstreamTimeout(f"The time allowed passed while waiting for model {name!r}."))
