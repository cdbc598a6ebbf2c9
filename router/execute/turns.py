"""Waits, for those that planning holds back, until an endpoint can begin them, and tells planning of first tokens and ends."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Protocol

from msgspec import structs

from turnout.router.call import Call
from turnout.router.execute.course import Place
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.pacing import Held, Pacing
from turnout.router.plan.predict.work import Stay
from turnout.router.ready import READY

LEAST_S = 0.001
"""No timer is set for less: an event loop has other things to do, too."""


class Turn(Protocol):
    """One attempt's right to begin, for `async with`: entering waits for it, leaving says that the attempt is over."""

    def __aenter__(self) -> Awaitable[None]: ...

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]: ...

    @property
    def sees_first(self) -> bool:
        """Whether it wants to hear of a first token."""
        ...

    def settle(self, place: Place) -> Place:
        """Where the attempt goes."""
        ...

    def first(self) -> None:
        """The first token has come."""
        ...

    def count(self, output_tokens: int) -> None:
        """The answer had so many tokens."""
        ...


class Turns:
    """Owns the timers and futures of those that are held back, for all models of this router replica."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._waiting: dict[Held, asyncio.Future[None]] = {}
        self._timers: dict[Pacing, asyncio.TimerHandle] = {}

    def __repr__(self) -> str:
        return f"<Turns {len(self._waiting)} waiting>"

    def turn(self, place: Place, call: Call) -> Turn:
        """A turn at the place that was planned, or at another of those that could have been; strategies that hold nobody back need none."""
        pacing = place.plan.pacing
        return _NO_TURN if pacing is None else PacedTurn(self, pacing, place, call)

    def now(self) -> float:
        """Loop time."""
        return self._now()

    async def wait(self, pacing: Pacing, held: Held, deadline_at: float) -> None:
        """Until it may begin at `held.at`, or its deadline has passed."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._waiting[held] = future
        pacing.add(held)
        timer = loop.call_later(max(0.0, deadline_at - self._now()), self._expire, held)
        self.pump(pacing)
        try:
            await future
        finally:
            timer.cancel()
            pacing.discard(held)
            if self._waiting.pop(held, None) is None and future.cancelled():
                self.pump(pacing)  # the turn that came in the same moment goes to the next

    def pump(self, pacing: Pacing) -> None:
        """Let go whoever may begin now, and look again when the next may."""
        timer = self._timers.pop(pacing, None)
        if timer is not None:
            timer.cancel()
        now = self._now()
        while len(pacing) and (held := pacing.next(now)) is not None:
            future = self._waiting.pop(held)
            if not future.done():
                future.set_result(None)
                return  # it pumps when it has begun: before that, nobody knows what it leaves for others
        if len(pacing) and pacing.wake_at is not None:
            delay_s = max(LEAST_S, pacing.wake_at - now)
            self._timers[pacing] = asyncio.get_running_loop().call_later(delay_s, self.pump, pacing)

    def _expire(self, held: Held) -> None:
        future = self._waiting.get(held)
        if future is not None and not future.done():
            future.set_result(None)


class PacedTurn:
    """One attempt's turn under a Pacing: it may wait, and what becomes of it is learned from."""

    __slots__ = ("_call", "_candidate", "_output_tokens", "_pacing", "_place", "_stay", "_turns")

    def __init__(self, turns: Turns, pacing: Pacing, place: Place, call: Call) -> None:
        self._turns = turns
        self._pacing = pacing
        self._place = place
        self._call = call
        self._candidate: Candidate = place.plan.candidate
        self._stay: Stay | None = None
        self._output_tokens = 0

    @property
    def sees_first(self) -> bool:
        """See `Turn`; the first token of what isn't streamed comes with the last."""
        return self._call.request.is_stream

    async def __aenter__(self) -> None:
        features, pacing = self._call.features, self._pacing
        blocks, tokens = features.blocks.hashes, features.prompt_tokens
        outlook = self._candidate.foreseen()
        new_tokens = outlook.count_new(tokens, blocks)
        is_long = False
        if not pacing.may_begin(outlook, tokens, new_tokens, self._turns.now()):
            ranked = self._place.plan.ranked or (self._candidate,)
            outlooks = [each.foreseen() for each in ranked]
            held = Held(outlooks, tokens, blocks, self._call.arrival.started_at, self._call.priority)
            await self._turns.wait(pacing, held, self._call.constraints.deadline_at)
            is_long = held.is_long
            if held.at >= 0 and ranked[held.at].may_begin(self._turns.now(), even_ejected=True):
                self._candidate = ranked[held.at]
                outlook = self._candidate.foreseen()
        self._stay = outlook.begin(tokens, blocks, self._turns.now(), is_silent=not self.sees_first)
        if is_long:
            outlook.work.mark_long(self._stay)
        self._pump()

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        assert self._stay is not None
        self._candidate.foreseen().end(self._stay, self._turns.now(), self._output_tokens)
        self._pump()
        return READY

    def settle(self, place: Place) -> Place:
        """See `Turn`."""
        if self._candidate is place.plan.candidate:
            return place
        return structs.replace(place, plan=structs.replace(place.plan, candidate=self._candidate))

    def first(self) -> None:
        """See `Turn`."""
        assert self._stay is not None
        self._candidate.foreseen().first(self._stay, self._turns.now())
        self._pump()

    def count(self, output_tokens: int) -> None:
        """See `Turn`."""
        self._output_tokens = output_tokens

    def _pump(self) -> None:
        if len(self._pacing):
            self._turns.pump(self._pacing)


class NoTurn:
    """Of an attempt that nobody holds back."""

    sees_first = False

    def __aenter__(self) -> Awaitable[None]:
        return READY

    def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> Awaitable[None]:
        return READY

    def settle(self, place: Place) -> Place:
        """See `Turn`."""
        return place

    def first(self) -> None:
        """See `Turn`."""

    def count(self, output_tokens: int) -> None:
        """See `Turn`."""


_NO_TURN = NoTurn()
