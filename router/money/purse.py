"""What one router may spend of one budget: the counts, without I/O."""

import enum
from asyncio import Future
from collections import deque

from turnout.models.access import Budget
from turnout.router.money.lease import Claim, Grant

IDLE_S = 1.0
"""A purse that nobody has used for so long gives back all that isn't held."""

AHEAD_S = 0.5
"""For so long, at the present rate, a purse keeps money ready."""


class Verdict(enum.Enum):
    """How somebody's wait for money ended."""

    TAKEN = "taken"
    SPENT = "spent"
    GONE = "gone"
    """The budget has changed meanwhile and holds nothing back."""


Waiter = tuple[int, "Future[Verdict]"]


class Purse:
    """
    Owns the counts of one budget on this router; changed by Purses and by the holds that took from it. Nano-USD throughout.

    Granted, returned and settled are totals of the lease.

    Attributes:
        id: the budget's.
        free: what may be held now: of what was granted, what isn't returned, settled or held; below 0 after an attempt that cost more than was held.
        low: below this, more should be asked for ahead of need.
        terms: as Control said last; None while nothing was heard, or where there's no such budget.
        is_known: whether Control has said anything.
        held: for attempts that run.
        unsent: settled, and not known to be in Control's ledger.
        heard_at: loop time of the last question that was answered; -inf for none.
        used_at: loop time at which somebody last wanted money.
        waiters: who waits, in order.
    """

    __slots__ = (
        "_booked",
        "_granted",
        "_is_wanted",
        "_lease",
        "_rate",
        "_returned",
        "_settled",
        "_spent",
        "_taken",
        "free",
        "heard_at",
        "held",
        "id",
        "is_known",
        "low",
        "terms",
        "unsent",
        "used_at",
        "waiters",
    )

    def __init__(self, budget: str) -> None:
        self.id = budget
        self.terms: Budget | None = None
        self.is_known = False
        self._lease = self._granted = self._returned = self._settled = self._booked = self._spent = 0
        self._is_wanted = False
        self._taken = 0
        self._rate = 0.0
        self.free = self.low = self.held = self.unsent = 0
        self.heard_at = self.used_at = float("-inf")
        self.waiters: deque[Waiter] = deque()

    def __repr__(self) -> str:
        return f"<Purse {self.id} free={self.free} held={self.held} unsent={self.unsent} waiting={len(self.waiters)}>"

    @property
    def is_hard(self) -> bool:
        """Whether it refuses."""
        return self.terms is not None and self.terms.is_hard

    @property
    def left(self) -> int:
        """What the budget has at most: its amount, less what is booked by all and settled here."""
        return 0 if self.terms is None else self.terms.amount_nusd - self._spent - (self._settled - self._booked)

    @property
    def share_spent(self) -> float:
        """Of the amount, by all routers, as far as is known here."""
        if self.terms is None or self.terms.amount_nusd <= 0:
            return 0.0
        return 1.0 - self.left / self.terms.amount_nusd

    def applies_to(self, model: str) -> bool:
        """Whether spending on this public model counts against it."""
        return self.terms is not None and self.terms.model in ("", model)

    def take(self, nusd: int) -> None:
        """Hold so much."""
        self.free -= nusd
        self.held += nusd
        self._taken += nusd

    def settle(self, held: int, nusd: int) -> None:
        """End a hold: `nusd` was spent, the rest is free again."""
        self.held -= held
        self.free += held - nusd
        if nusd:
            self._settled += nusd
            self.unsent += nusd

    def note_booked(self, nusd: int) -> None:
        """Hear that so much of what was settled is in the ledger."""
        self.unsent -= nusd

    def make_claim(self, now: float, elapsed_s: float) -> Claim:
        """
        What to ask Control for; gives back what isn't needed here.

        Args:
            elapsed_s: since the last claim.
        """
        self._rate += (self._taken / max(elapsed_s, 0.01) - self._rate) * min(1.0, elapsed_s / AHEAD_S)
        self._taken = 0
        self.low = int(self._rate * AHEAD_S / 3)
        is_idle = now - self.used_at > IDLE_S
        ahead = 0 if is_idle or self._is_wanted else int(self._rate * AHEAD_S)
        surplus = self.free if is_idle or self._is_wanted else self.free - max(2 * ahead, self._most_waited())
        if surplus > 0 and self.terms is not None:
            self._returned += surplus
            self.free -= surplus
        base = self._returned + self._settled + self.held
        needs = base + self.waiters[0][0] if self.waiters else min(base, self._granted)
        wants = base + ahead + sum(need for need, _ in self.waiters)
        return Claim(self.id, self._lease, needs, max(needs, wants), self._returned)

    def note_grant(self, grant: Grant, asked_at: float) -> None:
        """Hear what Control said. A lease of another number begins anew, and whatever isn't surely booked counts against it."""
        self.is_known = True
        self.terms = grant.terms
        self.heard_at = asked_at
        self._spent = grant.spent
        self._is_wanted = grant.is_wanted
        if grant.lease != self._lease:
            self._lease, self._returned = grant.lease, grant.returned
            self._settled = grant.settled + self.unsent
            self._granted = grant.granted
        self._granted = max(self._granted, grant.granted)
        self.free = self._granted - self._returned - self._settled - self.held
        self._booked = grant.settled if grant.lease else self._settled
        self._serve()

    def withdraw(self, waiter: Waiter) -> None:
        """Whoever waited is gone; what it was given in the same moment is free again."""
        verdict = waiter[1]
        if verdict.done() and not verdict.cancelled():
            if verdict.result() is Verdict.TAKEN:
                self.settle(waiter[0], 0)
                self.serve_free()
        elif waiter in self.waiters:
            self.waiters.remove(waiter)

    def serve_free(self) -> None:
        """Give what is free to those who wait, in order; one that needs more than there is doesn't hold up the others."""
        if not self.waiters:
            return
        kept: deque[Waiter] = deque()
        for waiter in self.waiters:
            need, verdict = waiter
            if verdict.done():
                continue
            if need <= self.free:
                self.take(need)
                verdict.set_result(Verdict.TAKEN)
            else:
                kept.append(waiter)
        self.waiters = kept

    def _serve(self) -> None:
        """After news from Control: give what is free, and tell those whom nothing can help any more."""
        if not self.is_hard:
            self._dismiss(Verdict.GONE, 0)
            return
        self.serve_free()
        self._dismiss(Verdict.SPENT, self.left + 1)

    def _dismiss(self, verdict: Verdict, least: int) -> None:
        """Send away all who need `least` or more."""
        for waiter in tuple(self.waiters):
            if waiter[0] >= least:
                self.waiters.remove(waiter)
                if not waiter[1].done():
                    waiter[1].set_result(verdict)

    def _most_waited(self) -> int:
        return max((need for need, _ in self.waiters), default=0)
