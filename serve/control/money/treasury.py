"""Where routers get what they may spend, and where their rows are counted."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from turnout.models.access import Budget
from turnout.models.errors import NotFound, TurnoutError
from turnout.models.ledger import AuditEvent, LedgerEntry
from turnout.router.money.lease import Ask, Grant
from turnout.router.money.purses import STALE_S
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection
from turnout.serve.control.events import append_event
from turnout.serve.control.money import books
from turnout.serve.control.money.alerts import Passed, note_passed
from turnout.serve.control.money.forecast import forecast_nusd
from turnout.serve.control.money.windows import find_span

GONE_S = 30.0
"""A router that nobody has heard of for so long holds nothing any more. Routers stop spending what is leased to them well before, see `purses.py`."""

START_S = STALE_S + 2.0
"""So long a Control that has just started waits for a router to speak: longer than one spends that the Control before confirmed."""

REAP_PERIOD_S = 5.0
WANTED_S = 1.0
"""How long a need that couldn't be met makes the others give back; whoever still waits asks again long before."""

_log = logging.getLogger("turnout.money")


class Definitions(Protocol):
    """The budgets that there are; the directory is one. Asked on the event loop and on the store's thread."""

    def find_budget(self, budget_id: str) -> Budget | None:
        """A budget by its id."""
        ...

    def list_budgets(self) -> list[Budget]:
        """All of them."""
        ...


class BudgetState(msgspec.Struct, frozen=True):
    """
    A budget now.

    Attributes:
        terms: its definition.
        spent_nusd: in the window.
        held_nusd: by routers.
        began_at_s, ends_at_s: the window's bounds, unix time; None for a total's end.
        forecast_nusd: at the window's end if it goes on like this, or None where nothing can be said.
    """

    terms: Budget
    spent_nusd: int
    held_nusd: int
    began_at_s: int
    ends_at_s: int | None
    forecast_nusd: int | None


class Treasury:
    """
    Owner of the budgets' sums, in the store's own file; made and used on one event loop.

    What is granted, returned and settled is a total of a lease, so whatever is sent twice, or lost and sent again, changes nothing.
    """

    def __init__(
        self,
        committer: Committer,
        definitions: Definitions,
        live: Callable[[], Iterable[str]],
        *,
        clock: Callable[[], float],
        wall_ns: Callable[[], int],
        tell: Callable[[Sequence[Passed]], None],
    ) -> None:
        """
        Args:
            live: routers that report.
            clock: monotonic seconds.
            tell: hears of shares of budgets that were passed.
        """
        self._committer = committer
        self._definitions = definitions
        self._live = live
        self._clock = clock
        self._wall_ns = wall_ns
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._wanted: dict[str, tuple[str, float]] = {}
        self._seen: dict[str, float] = {}

    def __repr__(self) -> str:
        return f"<Treasury wanted back: {[*self._wanted]}>"

    def follow(self, connection: Connection, router: str, entries: Sequence[LedgerEntry]) -> None:
        """Count new rows; on the store's thread, in the transaction that adds them."""
        now_ns, find = self._wall_ns(), self._definitions.find_budget
        budgets = books.book(connection, router, entries, find, now_ns / 1e9)
        passed: list[Passed] = []
        for budget in budgets:
            terms = find(budget)
            if terms is not None and terms.alert_shares:
                passed += note_passed(connection, terms, now_ns)
        if passed:
            self._loop.call_soon_threadsafe(self._tell, passed)

    async def renew(self, ask: Ask) -> tuple[Grant, ...]:
        """One grant for each claim, in order, once they are on disk."""
        now = self._clock()
        self._seen[ask.router] = now
        now_s, terms = self._wall_ns() / 1e9, [self._definitions.find_budget(claim.budget) for claim in ask.claims]
        routers = len({*self._live(), ask.router})

        def work(connection: Connection) -> list[tuple[Grant, bool]]:
            return [
                books.renew(connection, ask.router, claim, each, now_s, routers)
                for claim, each in zip(ask.claims, terms, strict=True)
            ]

        found: list[tuple[Grant, bool]] = await self._committer.write(work)
        for grant, is_short in found:
            if is_short:
                self._wanted[grant.budget] = (ask.router, now + WANTED_S)
        return tuple(
            msgspec.structs.replace(grant, is_wanted=True) if self._is_wanted(grant.budget, ask.router, now) else grant
            for grant, _ in found
        )

    async def reap_for_ever(self) -> None:
        """Reap every `REAP_PERIOD_S`, until it's cancelled."""
        while True:
            await asyncio.sleep(REAP_PERIOD_S)
            try:
                await self.reap()
            except TurnoutError as error:
                _log.warning("the leases of routers that are gone couldn't be looked at: %s", error)

    async def reap(self) -> tuple[str, ...]:
        """Take back what routers hold that nobody has heard of for `GONE_S`; their names."""
        now = self._clock()
        for router in self._live():
            self._seen[router] = now
        holders: list[str] = await self._committer.read(books.read_holders)
        for router in holders:
            self._seen.setdefault(router, now + START_S - GONE_S)  # Control has just started: whoever lives will say so
        gone = tuple(router for router in holders if self._seen[router] + GONE_S <= now)
        kept = {*holders, *self._live()}
        self._seen = {router: at for router, at in self._seen.items() if router in kept and router not in gone}
        self._wanted = {budget: entry for budget, entry in self._wanted.items() if entry[1] > now}
        budgets, now_s = self._definitions.list_budgets(), self._wall_ns() / 1e9

        def work(connection: Connection) -> None:
            books.release(connection, gone)
            books.forget_old(connection, budgets, now_s)

        await self._committer.write(work)
        return gone

    def list_budgets(self) -> list[Budget]:
        """The definitions of all budgets."""
        return self._definitions.list_budgets()

    async def count_leases(self) -> books.Leases:
        """What routers have of all budgets."""
        found: books.Leases = await self._committer.read(books.count_leases)
        return found

    async def list_states(self, wanted: Iterable[Budget]) -> list[BudgetState]:
        """These budgets, by id."""
        budgets, now_s = sorted(wanted, key=lambda each: each.id), self._wall_ns() / 1e9
        found: list[BudgetState] = await self._committer.read(
            lambda connection: [_read_state(connection, terms, now_s) for terms in budgets]
        )
        return found

    async def get_state(self, budget: str) -> BudgetState:
        """One budget. Raises NotFound."""
        terms, now_s = self._get_terms(budget), self._wall_ns() / 1e9
        found: BudgetState = await self._committer.read(lambda connection: _read_state(connection, terms, now_s))
        return found

    async def reset(self, budget: str, actor: str) -> BudgetState:
        """
        Begin a budget's window anew, as if nothing had been spent in it; the ledger keeps its rows.

        Raises:
            NotFound: there's no such budget.
        """
        terms, now_ns = self._get_terms(budget), self._wall_ns()

        def work(connection: Connection) -> BudgetState:
            spent_nusd = books.forget_spent(connection, budget, find_span(terms.window, now_ns / 1e9))
            detail = msgspec.json.encode({"spent_nusd": spent_nusd}).decode()
            append_event(connection, AuditEvent(now_ns, actor, "budget.reset", budget, detail))
            return _read_state(connection, terms, now_ns / 1e9)

        found: BudgetState = await self._committer.write(work)
        return found

    def _is_wanted(self, budget: str, router: str, now: float) -> bool:
        starving, until = self._wanted.get(budget, ("", 0.0))
        return starving != router and until > now

    def _get_terms(self, budget: str) -> Budget:
        terms = self._definitions.find_budget(budget)
        if terms is None:
            raise NotFound(f"there is no budget {budget!r}")
        return terms


def _read_state(connection: Connection, terms: Budget, now_s: float) -> BudgetState:
    span = find_span(terms.window, now_s)
    spent_nusd = books.read_spent(connection, terms.id, span)
    held_nusd = books.read_held(connection, terms.id)
    return BudgetState(
        terms, spent_nusd, held_nusd, span.began_at_s, span.ends_at_s, forecast_nusd(terms, spent_nusd, span, now_s)
    )
