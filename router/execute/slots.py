"""Bounds how much runs at once per model; `fair_share.py` has the order of who waits."""

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable, Callable, Iterator
from types import TracebackType

from turnout.models.errors import NoTarget, UpstreamTimeout
from turnout.router.catalogue import ModelRoute
from turnout.router.execute.drain_rate import DrainRate
from turnout.router.execute.fair_share import Claim, FairShare, Verdict, Waiter
from turnout.router.ready import READY

SPARE_PLACES = 2.0


class Slots:
    """
    Owns one waiting line per model of this router replica; bounded by each route's `max_in_flight` and `max_waiting`.

    A line belongs to the route and not to a pool behind it: its requests may go to any of the route's targets, and which one is planned when a slot
    is free. An attempt at another model, as a fallback is, waits in that model's line.

    Attributes:
        refused: requests sent away so far, by reason: `full` (no place left), `shed` (its place went to one with more right to it), `hopeless` (its
            turn would have come after its deadline).
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.refused = {"full": 0, "shed": 0, "hopeless": 0}
        self._now = now
        self._lines: dict[str, Line] = {}

    def __repr__(self) -> str:
        return f"<Slots {', '.join(map(repr, self._lines.values()))}>"

    def slot(self, route: ModelRoute, claim: Claim) -> "Slot":
        """
        A slot for `async with`; held until the block ends.

        Raises (on entering):
            NoTarget: the line is full, or moves too slowly for this deadline, or somebody with more right to it took the place: of better (lower)
                priority, or of a tenant that has fewer places for its share.
            UpstreamTimeout: the deadline (event-loop time) passed while waiting.
        """
        line = self._lines.get(route.name)
        if line is None:
            line = self._lines[route.name] = Line(route, self.refused, self._now)
        line.route = route  # its limits may have changed
        return Slot(line, claim)

    def keep_only(self, models: set[str]) -> None:
        """Forget the lines of models that are gone from the config and have nobody in them."""
        for name in [n for n, line in self._lines.items() if n not in models and line.is_idle]:
            del self._lines[name]

    def waiting(self) -> dict[str, int]:
        """How many wait, by model."""
        return {name: len(line.waiters) for name, line in self._lines.items()}

    def waiting_by_lane(self) -> Iterator[tuple[str, str, int]]:
        """Model, lane and how many wait there. Priorities are as many as callers like, so there are three: `sooner` (below 0), `normal`, `later`."""
        for name, line in self._lines.items():
            lanes = {"sooner": 0, "normal": 0, "later": 0}
            for priority, count in line.waiters.by_priority():
                lanes["sooner" if priority < 0 else "later" if priority else "normal"] += count
            for lane, count in lanes.items():
                yield name, lane, count


class Line:
    """One model's running count and waiters; changed by its Slots only."""

    __slots__ = ("_drain", "_is_wanted", "_now", "_order", "_refused", "in_flight", "route", "waiters")

    def __init__(self, route: ModelRoute, refused: dict[str, int], now: Callable[[], float]) -> None:
        self.route = route
        self.in_flight = 0
        self.waiters = FairShare()
        self._refused = refused
        self._now = now
        self._order: Callable[[], int] = itertools.count().__next__
        self._drain = DrainRate()
        self._is_wanted = False  # whether somebody couldn't get a slot since one was last left over

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

    async def enter(self, claim: Claim) -> None:
        """Wait for a slot, or be sent away at once."""
        loop = asyncio.get_running_loop()
        waiter = Waiter(claim, self._order(), loop.create_future())
        self._take_place(waiter, self._now())
        timer = loop.call_at(claim.deadline_at, self._expire, waiter)
        try:
            verdict = await waiter.turn
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise
        finally:
            timer.cancel()
        if verdict is Verdict.SHED:
            raise self._refuse("shed", self._places_until_room, self._now())
        if verdict is Verdict.LATE:
            raise UpstreamTimeout(f"The time allowed passed while waiting for model {self.route.name!r}.")

    def leave(self) -> None:
        """Give the slot to the first in line."""
        self.in_flight -= 1
        if self._is_wanted:
            self._pass_on(self._now())

    @property
    def _places_until_room(self) -> float:
        """Slots that must come free until there's likely to be room: half of the line, so that neither newcomers nor chance fill it again before."""
        return len(self.waiters) / 2 + SPARE_PLACES

    def _take_place(self, waiter: Waiter, now: float) -> None:
        self._is_wanted = True
        self._drain.want(now)
        claim = waiter.claim
        if self._drain.is_founded:
            place = self.waiters.places_before(claim)
            places_left = (claim.deadline_at - now) / self._drain.interval_s(now)
            # With chance against it, a turn rarely takes longer than so many do on the average.
            places = place + 1 + math.sqrt(place + 1)
            if places > places_left:
                raise self._refuse("hopeless", max(SPARE_PLACES, places - places_left / 2), now)
        if len(self.waiters) >= self.route.max_waiting:
            worst = self.waiters.try_shed(claim)
            if worst is None:
                raise self._refuse("full", self._places_until_room, now)
            if not worst.turn.done():
                worst.turn.set_result(Verdict.SHED)
        self.waiters.add(waiter)

    def _refuse(self, reason: str, places: float, now: float) -> NoTarget:
        self._refused[reason] += 1
        text = f"Too many requests are waiting for model {self.route.name!r}; try again later."
        room = self.route.max_in_flight + self.route.max_waiting
        return NoTarget(text, None, self._drain.promise_s(places, room, now))

    def _pass_on(self, now: float) -> None:
        if self.in_flight >= self.route.max_in_flight:
            return  # the limit was lowered: nobody gets this slot
        self._drain.free(now)
        while self.waiters and self.in_flight < self.route.max_in_flight:
            turn = self.waiters.take().turn
            if not turn.done():
                self.in_flight += 1
                turn.set_result(Verdict.ENTERED)
        if self.in_flight < self.route.max_in_flight:
            self._is_wanted = False
            self._drain.rest(now)

    def _expire(self, waiter: Waiter) -> None:
        if not waiter.turn.done():
            waiter.turn.set_result(Verdict.LATE)
            self.waiters.remove(waiter)

    def _withdraw(self, waiter: Waiter) -> None:
        """The one who waited is gone; a slot that came in the same moment goes to the next."""
        turn = waiter.turn
        if not turn.done() or turn.cancelled():
            self.waiters.remove(waiter)
        elif turn.result() is Verdict.ENTERED:
            self.leave()


class Slot:
    """One entry into a line."""

    __slots__ = ("_claim", "_has_waited", "_line")

    def __init__(self, line: Line, claim: Claim) -> None:
        self._line = line
        self._claim = claim
        self._has_waited = False

    def settle(self, tokens: int) -> None:
        """Say what was really used; who got the slot without waiting took nothing from others, and isn't charged."""
        if self._has_waited:
            self._line.waiters.correct(self._claim, tokens)

    def __aenter__(self) -> Awaitable[None]:
        if self._line.try_enter():
            return READY
        self._has_waited = True
        return self._line.enter(self._claim)

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        self._line.leave()
        return READY
