"""A router's money half that can be killed, and a way to Control on which calls and answers get lost."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

from turnout.models.errors import NoTarget, UpstreamFailed
from turnout.models.ledger import Journal, LedgerEntry
from turnout.router.money.lease import Ask, Claim, Grant
from turnout.router.money.purses import Purses
from turnout.router.outbox import Outbox
from turnout.router.spool.spool import Spool
from turnout.serve.control.money.treasury import Treasury
from turnout.serve.control.store import LedgerStore

LOST_CALLS, LOST_ANSWERS = 0.01, 0.01
SPOOL_BYTES = 64 * 1024 * 1024
DEADLINE_S = 0.1


class Killed(Exception):
    """The replica of an attempt is gone, and with it whatever the attempt knew."""


class Wire:
    """
    The way from all replicas to Control.

    Attributes:
        treasury: Control's present one.
        is_away: nothing arrives.
        is_reliable: nothing gets lost.
    """

    def __init__(self, store: LedgerStore, treasury: Treasury, randomness: random.Random) -> None:
        self._store = store
        self._random = randomness
        self.treasury = treasury
        self.is_away = self.is_reliable = False

    async def post_journal(self, journal: Journal) -> None:
        """See `Post`."""
        self._try_to_arrive()
        await self._store.append(journal)
        self._try_to_return()

    async def renew(self, router: str, claims: tuple[Claim, ...]) -> tuple[Grant, ...]:
        """See `Bank`, for any router."""
        self._try_to_arrive()
        grants = await self.treasury.renew(Ask(router, claims))
        self._try_to_return()
        return grants

    def _try_to_arrive(self) -> None:
        if self.is_away:
            raise NoTarget("Control has no address now.")
        if self._is_lost(LOST_CALLS):
            raise UpstreamFailed("the call was lost")

    def _try_to_return(self) -> None:
        if self.is_away or self._is_lost(LOST_ANSWERS):
            raise UpstreamFailed("the answer was lost")

    def _is_lost(self, share: float) -> bool:
        return not self.is_reliable and self._random.random() < share


class WireBank:
    """A `Bank` for one router."""

    def __init__(self, wire: Wire, router: str) -> None:
        self._wire = wire
        self._router = router

    async def renew(self, claims: tuple[Claim, ...]) -> tuple[Grant, ...]:
        """See `Bank`."""
        return await self._wire.renew(self._router, claims)


class Replica:
    """
    Owns the money of one router until it's stopped or killed.

    Attributes:
        name: of the router.
        is_dead: it was killed.
    """

    def __init__(self, name: str, wire: Wire, spool: Spool) -> None:
        """`start` makes one."""
        self.name = name
        self.is_dead = False
        self.purses = Purses(WireBank(wire, name), time.monotonic)
        self._outbox = Outbox(wire, router=name, note_safe=self.purses.note_safe)
        self._outbox.copy_into(spool)
        self._outbox.start()
        self._spool = spool
        self._tasks = [asyncio.ensure_future(self.purses.run()), asyncio.ensure_future(spool.run())]

    @classmethod
    async def start(cls, name: str, wire: Wire, folder: Path, ledger: str) -> "Replica":
        """One with an empty spool in this folder."""
        spool = Spool(folder, ledger, name, SPOOL_BYTES)
        await spool.try_extend()
        return cls(name, wire, spool)

    async def attempt(
        self, entry: LedgerEntry, bound_nusd: int, takes_s: float, booked: Callable[[LedgerEntry], None]
    ) -> None:
        """
        Hold, work and book, as `Account` does it; a cancelled attempt is booked too, once it holds something. Calls `booked` with the row.

        Raises:
            Killed: the replica was killed meanwhile; nothing was booked.
            TurnoutError: as `Purses.hold`.
        """
        held = self.purses.try_hold(entry.budgets, "m", bound_nusd)
        if held is None:
            held = await self.purses.hold(entry.budgets, "m", bound_nusd, time.monotonic() + DEADLINE_S)
        try:
            await asyncio.sleep(takes_s)
        finally:
            if not self.is_dead:
                self._outbox.put_entry(entry)
                booked(entry)
                self.purses.settle(held, bound_nusd, entry.cost_nusd or 0)
        if self.is_dead:
            raise Killed

    async def kill(self) -> None:
        """Stop in the middle of everything, with what is on disk left there and the kernel's locks let go of."""
        self.is_dead = True
        self._cancel()
        await self._outbox.drain(0.0)
        self._spool.close()

    async def stop(self) -> int:
        """Send what waits and give back what isn't spent; how many rows couldn't be sent."""
        unsent = await self._outbox.drain(60.0)
        self._cancel()
        await self.purses.empty()
        self._spool.close()
        return unsent

    def _cancel(self) -> None:
        for task in self._tasks:
            task.cancel()
