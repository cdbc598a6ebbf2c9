"""Keeps what each tenant's spilled requests cost within an hourly budget."""

from collections import deque
from collections.abc import Callable

from turnout.models.errors import NoTarget

SPILL_BUDGET = "spill_budget"
"""The code of why a remote target wasn't taken."""

WINDOW_MINUTES = 60
MOST_TENANTS = 10_000
_MINUTE_S = 60.0


class SpillSpent(NoTarget):
    """What is left of a tenant's spill budget doesn't cover this attempt."""


class SpillBudget:
    """
    Owns what spilling of one model costs each tenant, at this router: money held for attempts that run, and what those of the last hour cost.

    All in integers of nano-USD, and never above this router's part of the budget within any 60 minutes, as long as no attempt costs more than was
    held for it. Parts are those of limits, which add up to 1 over the routers; when a part moves, what was spent of it stays where it was, so that in
    an hour in which routers come and go each newcomer may spend its part once more. Bounded by MOST_TENANTS.
    """

    __slots__ = ("_part", "_purses", "nusd_per_hour")

    def __init__(self, part: Callable[[], float], nusd_per_hour: int) -> None:
        """
        Args:
            part: of the budget that this router has, from 0 to 1.
            nusd_per_hour: the budget of a tenant at all routers.
        """
        self.nusd_per_hour = nusd_per_hour
        self._part = part
        self._purses: dict[str, _Purse] = {}

    def __repr__(self) -> str:
        return f"<SpillBudget {self.nusd_per_hour} nano-USD an hour, {len(self._purses)} tenants>"

    def left_nusd(self, tenant: str, now: float) -> int:
        """What the tenant has left here; 0 or less for nothing."""
        purse = self._purses.get(tenant)
        allowed = int(self.nusd_per_hour * self._part())
        return allowed if purse is None else allowed - purse.held_nusd - purse.spent_nusd(now)

    def room_in_s(self, tenant: str, now: float) -> float:
        """Seconds until some of what was spent is an hour old."""
        purse = self._purses.get(tenant)
        return _MINUTE_S if purse is None else purse.room_in_s(now)

    def try_hold(self, tenant: str, nusd: int, now: float) -> bool:
        """Hold money for an attempt, if there's so much left."""
        if nusd > self.left_nusd(tenant, now):
            return False
        purse = self._purses.get(tenant)
        if purse is None:
            if len(self._purses) >= MOST_TENANTS and not self._try_forget(now):
                return False
            purse = self._purses[tenant] = _Purse()
        purse.held_nusd += nusd
        return True

    def settle(self, tenant: str, held_nusd: int, cost_nusd: int, now: float) -> None:
        """The attempt is over."""
        purse = self._purses[tenant]
        purse.held_nusd -= held_nusd
        purse.spend(cost_nusd, now)

    def _try_forget(self, now: float) -> bool:
        """Make room by those who have spent nothing within the hour."""
        for tenant in [each for each, purse in self._purses.items() if purse.is_idle(now)]:
            del self._purses[tenant]
        return len(self._purses) < MOST_TENANTS


class _Purse:
    """One tenant's: what is held, and what was spent, by the minute."""

    __slots__ = ("_minutes", "_spent_nusd", "held_nusd")

    def __init__(self) -> None:
        self.held_nusd = 0
        self._spent_nusd = 0
        self._minutes: deque[tuple[int, int]] = deque()

    def spent_nusd(self, now: float) -> int:
        # The oldest minute counts until its last moment is an hour old.
        oldest = int(now // _MINUTE_S) - WINDOW_MINUTES
        while self._minutes and self._minutes[0][0] < oldest:
            self._spent_nusd -= self._minutes.popleft()[1]
        return self._spent_nusd

    def spend(self, nusd: int, now: float) -> None:
        minute = int(now // _MINUTE_S)
        if self._minutes and self._minutes[-1][0] == minute:
            nusd_before = self._minutes.pop()[1]
            self._minutes.append((minute, nusd_before + nusd))
        elif nusd:
            self._minutes.append((minute, nusd))
        self._spent_nusd += nusd

    def room_in_s(self, now: float) -> float:
        if not self._minutes:
            return 1.0  # all of it is held, and comes back with the answers
        return max(1.0, (self._minutes[0][0] + WINDOW_MINUTES + 1) * _MINUTE_S - now)

    def is_idle(self, now: float) -> bool:
        return not self.held_nusd and not self.spent_nusd(now)
