"""Decides when a second attempt starts beside a slow first one, and lets the two race."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

from turnout.models.errors import TurnoutError
from turnout.router.catalogue import ModelRoute
from turnout.router.execute.retry_budget import RetryBudget
from turnout.router.stream import Reply

KEPT = 256
FEWEST = 20
"""Times to first token that are looked at, and without which nothing is said about what is slow."""

FLOOR = 1
"""Second attempts in 10 s that are allowed whatever the share: a quiet model may hedge too."""


class Contestant(Protocol):
    """What an attempt says of itself in the end."""

    @property
    def is_whole(self) -> bool:
        """Whether the client has a complete answer."""
        ...


_Attempt = TypeVar("_Attempt", bound=Contestant)
Run = Coroutine[Any, Any, _Attempt]


class Hedges:
    """Owns, for each model that hedges, its recent times to first token and the count of its second attempts; one per router replica."""

    def __init__(self) -> None:
        self._models: dict[str, tuple[deque[float], RetryBudget]] = {}

    def __repr__(self) -> str:
        return f"<Hedges {', '.join(self._models)}>"

    def note_request(self, route: ModelRoute, now: float) -> None:
        """Count a request; `now` is loop time."""
        self._of(route)[1].note_request(now)

    def note_first(self, route: ModelRoute, seconds: float) -> None:
        """Hear how long a first token, or a whole unary answer, took."""
        self._of(route)[0].append(seconds)

    def delay_s(self, route: ModelRoute) -> float | None:
        """After how long an attempt is slower than most, or None while that can't be said or isn't asked for."""
        if route.hedging is None:
            return None
        times = self._of(route)[0]
        if len(times) < FEWEST:
            return None
        return sorted(times)[min(len(times) - 1, int(len(times) * route.hedging.quantile))]

    def may_start(self, route: ModelRoute, now: float) -> bool:
        """Count a second attempt, unless the share of those is used up."""
        return route.hedging is not None and self._of(route)[1].try_spend(route.hedging.max_share, FLOOR, now)

    def _of(self, route: ModelRoute) -> tuple[deque[float], RetryBudget]:
        found = self._models.get(route.name)
        if found is None:
            found = self._models[route.name] = (deque(maxlen=KEPT), RetryBudget())
        return found


async def race(
    reply: Reply,
    first: Run[_Attempt],
    patience: Awaitable[None],
    start_second: Callable[[], Run[_Attempt] | None],
) -> list[_Attempt]:
    """
    Let a second attempt run beside a first that is slow; whoever has content first goes on, the other is cancelled.

    One that's refused a slot while the other has one was none.

    Args:
        reply: what both write to; attempts are numbered there from 1.
        patience: done when the first is slow.
        start_second: gives the second attempt, or None if there's to be none.

    Returns:
        The attempts that ended by themselves, in that order: one, or two if the first to end had failed.
    """
    taken = reply.tell_when_taken()
    running: dict[int, asyncio.Future[Any]] = {1: asyncio.ensure_future(first)}
    waiting = asyncio.ensure_future(patience)
    ended: list[_Attempt] = []
    try:
        await asyncio.wait((running[1], taken, waiting), return_when=asyncio.FIRST_COMPLETED)
        if not taken.done() and not running[1].done():
            second = start_second()
            if second is not None:
                running[2] = asyncio.ensure_future(second)
        while running:
            await asyncio.wait(
                (*running.values(), *(() if taken.done() else (taken,))), return_when=asyncio.FIRST_COMPLETED
            )
            for number, attempt in tuple(running.items()):
                if attempt.done():
                    del running[number]
                    if not (running or ended) or not isinstance(attempt.exception(), TurnoutError):
                        ended.append(attempt.result())
                elif reply.has_content and reply.taken_by != number:
                    await _cancel(running.pop(number))
        return ended
    finally:
        for each in (waiting, *running.values()):
            await _cancel(each)


async def _cancel(task: "asyncio.Future[Any]") -> None:
    """End a task and wait until it has; what it was to find doesn't matter any more."""
    task.cancel()
    await asyncio.wait((task,))
