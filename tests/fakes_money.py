"""A Bank with the real sums behind it, in memory, and a clock that the test moves."""

import asyncio
import sqlite3
from collections.abc import Sequence

from turnout.models.access import Budget
from turnout.models.errors import NoTarget
from turnout.models.ledger import LedgerEntry
from turnout.router.money.lease import Claim, Grant
from turnout.serve.control.money import books
from turnout.serve.control.money.windows import find_span
from turnout.serve.control.schema.money import MONEY

WANTED_S = 1.0


class FakeControl:
    """
    What Control does with money, for any number of routers.

    Attributes:
        budgets: the definitions; change them at will.
        is_away: every question fails.
        asked: how many questions came.
    """

    def __init__(self, *budgets: Budget) -> None:
        self.budgets = {budget.id: budget for budget in budgets}
        self.is_away = False
        self.asked = 0
        self._connection = sqlite3.connect(":memory:", isolation_level=None)
        self._connection.executescript(MONEY)
        self._wanted: dict[str, tuple[str, float]] = {}
        self._rows: set[tuple[str, int]] = set()

    def bank(self, router: str) -> "FakeBank":
        """The link of one router."""
        return FakeBank(self, router)

    def append(self, router: str, entries: Sequence[LedgerEntry]) -> None:
        """Keep rows, each once."""
        new = [entry for entry in entries if (entry.request_id, entry.attempt) not in self._rows]
        self._rows |= {(entry.request_id, entry.attempt) for entry in new}
        books.book(self._connection, router, new, self.budgets.get, 0.0)

    def release(self, router: str) -> None:
        """Take back what a router holds."""
        books.release(self._connection, [router])

    def spent(self, budget: str) -> int:
        return books.read_spent(self._connection, budget, find_span(self.budgets[budget].window, 0.0))

    def held(self, budget: str) -> int:
        return books.read_held(self._connection, budget)

    def renew(self, router: str, claims: Sequence[Claim], now: float) -> tuple[Grant, ...]:
        self.asked += 1
        found = []
        for claim in claims:
            grant, is_short = books.renew(self._connection, router, claim, self.budgets.get(claim.budget), 0.0, 2)
            if is_short:
                self._wanted[claim.budget] = (router, now + WANTED_S)
            starving, until = self._wanted.get(claim.budget, (router, 0.0))
            is_wanted = starving != router and until > now
            found.append(
                Grant(
                    grant.budget,
                    grant.terms,
                    grant.lease,
                    grant.granted,
                    grant.returned,
                    grant.settled,
                    grant.spent,
                    is_wanted,
                )
            )
        return tuple(found)


class FakeBank:
    """One router's link; an answer takes 5 ms."""

    def __init__(self, control: FakeControl, router: str) -> None:
        self._control = control
        self._router = router

    async def renew(self, claims: tuple[Claim, ...]) -> tuple[Grant, ...]:
        await asyncio.sleep(0.005)
        if self._control.is_away:
            raise NoTarget("away")
        return self._control.renew(self._router, claims, asyncio.get_running_loop().time())
