"""The purses of one router, and what keeps them filled: money is asked for ahead of need, so that a hold seldom waits."""

import asyncio
import logging
from collections.abc import Callable, Iterable

from turnout.models.errors import BudgetExceeded, NoTarget, RateLimited, TurnoutError
from turnout.models.ledger import LedgerEntry
from turnout.router.money.lease import Bank
from turnout.router.money.policy import MoneyPolicy
from turnout.router.money.purse import Purse, Verdict, Waiter

RENEW_S = 0.25
"""Between two questions to Control while money is used or held ready."""

HURRY_S = 0.05
"""The same while somebody waits."""

WAIT_S = 2.0
"""Longest wait for money that others hold."""

STALE_S = 20.0
"""A lease that Control hasn't confirmed for so long isn't spent from: after 30 s without a word Control gives it to others."""

UNREACHABLE_S = 1.0
"""The same where the policy is to refuse while Control is away."""

FORGET_S = 60.0
MOST_GROUPS = 10_000
_log = logging.getLogger("turnout.money")


class Group:
    """
    What is known of one key's budgets for one model, until their terms change.

    Attributes:
        purses: those that apply.
        ids: of their budgets, as they stand in ledger rows.
        is_hard: whether one of them refuses.
        has_downgrade: whether one of them may send requests to a cheaper model.
    """

    __slots__ = ("has_downgrade", "ids", "is_hard", "purses")

    def __init__(self, purses: tuple[Purse, ...]) -> None:
        self.purses = purses
        self.ids = tuple(purse.id for purse in purses)
        self.is_hard = any(purse.is_hard for purse in purses)
        self.has_downgrade = any(purse.terms is not None and purse.terms.downgrade_at is not None for purse in purses)


class Purses:
    """
    Owner of this router's purses, one a budget that was asked for lately; on one event loop.

    Holding is synchronous where the leases cover it. Else it waits for Control, with all others who wait in one question.
    """

    def __init__(self, bank: Bank, now: Callable[[], float]) -> None:
        self._bank = bank
        self._now = now
        self._purses: dict[str, Purse] = {}
        self._groups: dict[tuple[tuple[str, ...], str], Group] = {}
        self._wake = asyncio.Event()
        self._asked_at = now()
        self._failed_at = float("-inf")
        self.policy = MoneyPolicy()

    def __repr__(self) -> str:
        return f"<Purses {[*self._purses.values()]}>"

    @property
    def _fresh_s(self) -> float:
        return STALE_S if self.policy.spends_leased else UNREACHABLE_S

    def may_refuse(self, budgets: tuple[str, ...], model: str) -> bool:
        """Whether one of these may be a hard budget for this model; one that nothing was heard of yet may be."""
        group = self._find_group(budgets, model)
        return group is None or group.is_hard

    def find_downgrade(self, budgets: tuple[str, ...], model: str) -> str | None:
        """The cheaper model that a budget sends this one's requests to by now, if there is one."""
        group = self._find_group(budgets, model)
        if group is None or not group.has_downgrade:
            return None
        for purse in group.purses:
            terms = purse.terms
            if terms is None or terms.downgrade_at is None or terms.downgrade_to in ("", model):
                continue
            if purse.share_spent >= terms.downgrade_at:
                purse.used_at = self._now()
                return terms.downgrade_to
        return None

    def try_hold(self, budgets: tuple[str, ...], model: str, nusd: int) -> Group | None:
        """
        Hold `nusd` in every budget that's for this model, if that can be done at once; None and nothing held if it can't.

        Returns:
            What the attempt counts against, soft budgets too, for `settle`.
        """
        group = self._find_group(budgets, model)
        if group is None:
            return None
        now = self._now()
        if group.is_hard:
            oldest = now - self._fresh_s
            for purse in group.purses:
                if purse.is_hard and (purse.free < nusd or purse.heard_at < oldest or purse.waiters):
                    return None
        for purse in group.purses:
            purse.used_at = now
            purse.take(nusd)
            if purse.free < purse.low and purse.is_hard and now - self._asked_at > HURRY_S:
                self._wake.set()
        return group

    async def hold(self, budgets: tuple[str, ...], model: str, nusd: int, deadline_at: float) -> Group:
        """
        As `try_hold`, after waiting for Control or for what others hold, at most `WAIT_S` and until `deadline_at` (loop time).

        Raises:
            BudgetExceeded: a budget has less left than the attempt may cost.
            RateLimited: the money is there, and held for requests that run.
            NoTarget: Control can't be asked, and what is leased here doesn't cover it.
        """
        until = min(self._now() + WAIT_S, deadline_at)
        taken: list[Purse] = []
        is_held = False
        try:
            for budget in sorted(set(budgets)):
                purse = self._purses.setdefault(budget, Purse(budget))
                if await self._take(purse, model, nusd, until):
                    taken.append(purse)
            is_held = True
        finally:
            if not is_held:
                self.settle(Group(tuple(taken)), nusd, 0)
        return Group(tuple(taken))

    def settle(self, group: Group, held: int, nusd: int) -> None:
        """End the holds of one attempt, which has cost `nusd`."""
        for purse in group.purses:
            purse.settle(held, nusd)
            if purse.waiters:
                purse.serve_free()

    def note_safe(self, entries: Iterable[LedgerEntry]) -> None:
        """Hear that rows are in Control's ledger."""
        costs: dict[tuple[str, ...], int] = {}
        for entry in entries:
            if entry.cost_nusd and entry.budgets:
                costs[entry.budgets] = costs.get(entry.budgets, 0) + entry.cost_nusd
        for budgets, cost_nusd in costs.items():
            for budget in budgets:
                purse = self._purses.get(budget)
                if purse is not None:
                    purse.note_booked(cost_nusd)

    async def run(self) -> None:
        """Keep the purses filled, until it's cancelled."""
        while True:
            is_urgent = any(purse.waiters for purse in self._purses.values())
            await self._pause(HURRY_S if is_urgent else RENEW_S)
            await self.renew()

    async def renew(self) -> None:
        """Ask Control once for all that is wanted, and give back what isn't."""
        now = self._now()
        elapsed_s, self._asked_at = now - self._asked_at, now
        self._forget(now)
        asked = [purse for purse in self._purses.values() if self._needs_renewal(purse, now)]
        if not asked:
            return
        try:
            grants = await self._bank.renew(tuple(purse.make_claim(now, elapsed_s) for purse in asked))
        except TurnoutError as error:
            self._failed_at = self._now()
            _log.debug("Control can't be asked for money: %s", error)
            return
        for purse, grant in zip(asked, grants, strict=True):
            if not purse.is_known or purse.terms != grant.terms:
                self._groups.clear()
            purse.note_grant(grant, now)

    async def empty(self) -> None:
        """Give back all that isn't held, once: this router ends."""
        for purse in self._purses.values():
            purse.used_at = float("-inf")
        await self.renew()

    def _find_group(self, budgets: tuple[str, ...], model: str) -> Group | None:
        """The purses for a model among these budgets; None while something hasn't been heard of."""
        group = self._groups.get((budgets, model))
        if group is None:
            purses = [self._purses.get(budget) for budget in budgets]
            if any(purse is None or not purse.is_known for purse in purses):
                return None
            if len(self._groups) >= MOST_GROUPS:
                self._groups.clear()
            found = tuple(purse for purse in purses if purse is not None and purse.applies_to(model))
            group = self._groups[budgets, model] = Group(found)
        return group

    async def _take(self, purse: Purse, model: str, nusd: int, until: float) -> bool:
        """Hold in one purse, if it's for this model; wait for that if it refuses."""
        while True:
            now = self._now()
            purse.used_at = now
            is_fresh = purse.heard_at >= now - self._fresh_s
            if purse.is_known and not purse.applies_to(model):
                return False
            if purse.is_known and not purse.is_hard:
                purse.take(nusd)
                return True
            if is_fresh and purse.free >= nusd and not purse.waiters:
                purse.take(nusd)
                return True
            if purse.heard_at >= now - RENEW_S and nusd > purse.left:
                raise _spent(purse)
            verdict = await self._wait(purse, nusd, until)
            if verdict is Verdict.TAKEN:
                return True
            if verdict is Verdict.SPENT and purse.applies_to(model):
                raise _spent(purse)

    async def _wait(self, purse: Purse, nusd: int, until: float) -> Verdict:
        began_at = self._now()
        waiter: Waiter = (nusd, asyncio.get_running_loop().create_future())
        purse.waiters.append(waiter)
        self._wake.set()
        try:
            async with asyncio.timeout(max(0.0, until - began_at)):
                return await waiter[1]
        except TimeoutError:
            purse.withdraw(waiter)
            if self._failed_at >= purse.heard_at:
                raise NoTarget("Control can't be asked for money now; try again soon.", None, 1.0) from None
            raise RateLimited(
                f"What is left of budget {purse.id!r} is held for requests that are running; try again soon.", None, 1.0
            ) from None
        except asyncio.CancelledError:
            purse.withdraw(waiter)
            raise

    async def _pause(self, seconds: float) -> None:
        """Until somebody wants money, at most `seconds`; at least a moment, so that all who come at once are in one question."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return
        finally:
            self._wake.clear()

    def _needs_renewal(self, purse: Purse, now: float) -> bool:
        return bool(purse.waiters) or purse.free > 0 or now - purse.used_at <= FORGET_S / 10

    def _forget(self, now: float) -> None:
        for budget, purse in tuple(self._purses.items()):
            is_empty = purse.free <= 0 and not (purse.held or purse.unsent or purse.waiters)
            if is_empty and now - purse.used_at > FORGET_S:
                del self._purses[budget]
                self._groups.clear()


def _spent(purse: Purse) -> BudgetExceeded:
    return BudgetExceeded(f"Budget {purse.id!r} has less left than this request may cost.")
