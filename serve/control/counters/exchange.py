"""Keeps this cluster's part of all limits in step with the other clusters', by what they have written in common."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

import msgspec

from turnout.models.errors import NoTarget
from turnout.router.limit.share import EMPTY, FULL, NOTHING
from turnout.serve.control.counters.pot import Offer, Pot, Standing
from turnout.serve.control.counters.store import CounterStore, Found
from turnout.serve.control.shares import Shares

HELD_S = 10.0
"""A cluster that hasn't been heard of for so long has lost its part, which the others get, as if it had been used up."""

LEASE_S = HELD_S - 0.5
"""For so long it goes by its part itself: a little less, as clocks don't run alike."""

KEEP_S = 60.0
"""If no cluster has been heard of for so long, counting begins anew."""

EXCHANGE_S = 1.0
_TRIES = 5

_log = logging.getLogger("turnout.counters")


class Agreement(msgspec.Struct, frozen=True, array_like=True):
    """
    What is written in common.

    Attributes:
        pot: who has which part.
        opens_at: on the store's clock; until then clusters that have parts say so, and nothing is given. None afterwards.
    """

    pot: Pot
    opens_at: float | None


_agreements = msgspec.msgpack.Decoder(Agreement)


class Exchange:
    """One per Control; `run` goes on until it's cancelled. While the store is away, this cluster keeps its part until its lease ends."""

    def __init__(
        self, name: str, store: CounterStore, shares: Shares, clock: Callable[[], float], *, keeps: bool
    ) -> None:
        """
        Args:
            name: the cluster's, the same after a restart of its Control.
            clock: monotonic seconds, as for `shares`.
            keeps: whether, after the end of its lease, the cluster goes on with the part that it would have if all had the same, or with nothing.
        """
        self._name = name
        self._store = store
        self._shares = shares
        self._clock = clock
        self._keeps = keeps
        self._is_away = False

    def __repr__(self) -> str:
        return f"<Exchange {self._name!r} {self._store!r}>"

    async def run(self) -> None:
        """Tell and hear, for ever."""
        while True:
            try:
                await self.step()
            except NoTarget as error:
                if not self._is_away:
                    _log.warning("%s This cluster keeps its part of all limits for %g s", error, LEASE_S)
                self._is_away = True
            else:
                self._is_away = False
            await asyncio.sleep(EXCHANGE_S)

    async def step(self) -> None:
        """
        Tell what this cluster has, and hear what it's to have.

        Raises:
            NoTarget: the store can't be reached.
        """
        told_at = self._clock()
        for _ in range(_TRIES):
            found = await self._store.read()
            agreement = _read(found)
            standing = self._stand(agreement, found.now_s)
            if standing is None:
                return
            agreement, offer = _agree(agreement, found.now_s, self._name, standing)
            if await self._store.try_write(found.version, msgspec.msgpack.encode(agreement)):
                then = 1 / len(agreement.pot.stakes) if self._keeps else 0.0
                self._shares.take(offer, standing, until=told_at + LEASE_S, then=then)
                return

    async def leave(self) -> None:
        """Give this cluster's part back, with what is left in it, if none of its routers uses any."""
        if not self._shares.is_unused:
            return
        with contextlib.suppress(NoTarget):
            for _ in range(_TRIES):
                found = await self._store.read()
                agreement = _read(found)
                agreement.pot.leave(self._name, self._shares.free_levels)
                if await self._store.try_write(found.version, msgspec.msgpack.encode(agreement)):
                    return

    def _stand(self, agreement: Agreement, now_s: float) -> Standing | None:
        """What this cluster has. Nobody writes between the reading of `agreement` and the answer to it, so it's still so then."""
        had = agreement.pot.stakes.get(self._name)
        if had is not None:
            return self._shares.standing(had.most, until=self._clock() + had.until - now_s)
        if agreement.opens_at is None:
            self._shares.lapse(keeps=self._keeps)
        return self._shares.standing(NOTHING, until=self._clock())


def _agree(agreement: Agreement, now_s: float, name: str, standing: Standing) -> tuple[Agreement, Offer | None]:
    """What is to be written, and what this cluster gets by it."""
    pot = agreement.pot
    pot.note(name, standing, now_s + HELD_S)
    if agreement.opens_at is not None:
        if now_s < agreement.opens_at:
            return agreement, None
        pot.free_levels = EMPTY if pot.held else FULL
        agreement = Agreement(pot, None)
    return agreement, pot.offer(name)


def _read(found: Found) -> Agreement:
    if found.text is None:
        return Agreement(Pot(), found.now_s + HELD_S)
    try:
        agreement = _agreements.decode(found.text)
    except msgspec.DecodeError as error:
        raise NoTarget("The counters were written by a version of Control that this one doesn't understand.") from error
    agreement.pot.expire(found.now_s)
    return agreement
