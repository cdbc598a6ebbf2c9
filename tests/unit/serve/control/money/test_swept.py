"""Rows of a killed router that come late, from its spool: what is spent is the sum of the rows, in whichever order things happen."""

import random
from itertools import count

import pytest

from tests.fakes import ledger_row
from tests.fakes_money import FakeControl
from turnout.models.access import Budget
from turnout.models.ledger import LedgerEntry
from turnout.router.money.lease import Claim

AMOUNT = 10_000


class Story:
    """A router `dead` that spends some of what is leased to it and is killed, and another that wants all it can get."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.control = FakeControl(Budget("b", AMOUNT, "total"))
        self.sold = 0
        self.number = count()
        granted = self.lease("dead", self.random.randint(1, AMOUNT))
        self.rows: list[LedgerEntry] = []
        while granted > 0 and self.random.random() < 0.95:
            cost_nusd = self.random.randint(0, min(granted, AMOUNT // 20))
            granted -= cost_nusd
            self.rows.append(ledger_row(f"dead-{len(self.rows)}", cost_nusd, "b"))
        self.had = self.random.randint(0, len(self.rows))
        self.control.append("dead", self.rows[: self.had])

    @property
    def cost(self) -> int:
        return sum(row.cost_nusd or 0 for row in self.rows)

    def lease(self, router: str, wants: int) -> int:
        """What a router has got in all after asking until nothing more comes."""
        granted = lease = 0
        for _ in range(20):
            (grant,) = self.control.renew(router, [Claim("b", lease, min(wants, granted + 1), wants, 0)], 0.0)
            lease, granted = grant.lease, grant.granted
        return granted

    def sweep(self) -> None:
        """All that the spool has: rows that Control has already, too, and in batches, one of which comes twice."""
        at = self.random.randint(0, len(self.rows))
        for batch in (self.rows[:at], self.rows[at:], self.rows[:at]):
            self.control.append("dead", batch)

    def reap(self) -> None:
        self.control.release("dead")

    def others(self) -> int:
        """Another router leases what it can, and spends it."""
        granted = self.lease("other", AMOUNT)
        self.control.append("other", [ledger_row(f"other-{next(self.number)}", granted - self.sold, "b")])
        self.sold = granted
        return granted


@pytest.mark.parametrize("seed", range(60))
def test_rows_that_come_before_the_lease_is_taken_back_overspend_nothing_whatever_others_do(seed: int) -> None:
    story = Story(seed)
    for step in (story.others, story.sweep, story.others, story.reap, story.others):
        step()
        assert story.control.spent("b") + story.control.held("b") <= AMOUNT
    assert story.control.spent("b") == story.cost + story.sold == AMOUNT


@pytest.mark.parametrize("seed", range(60))
def test_rows_that_come_after_it_are_counted_in_full_and_hold_nothing(seed: int) -> None:
    story = Story(seed)
    late = sum(row.cost_nusd or 0 for row in story.rows[story.had :])
    for step in (story.others, story.reap, story.others, story.sweep, story.sweep, story.others):
        step()
    assert story.control.held("b") == 0
    assert story.control.spent("b") == story.cost + story.sold
    assert story.control.spent("b") <= AMOUNT + late, "no more than came too late"


@pytest.mark.parametrize("seed", range(60))
def test_both_orders_end_alike_where_nobody_wanted_the_money_meanwhile(seed: int) -> None:
    first, second = Story(seed), Story(seed)
    for step in (first.sweep, first.reap, second.reap, second.sweep):
        step()
    for story in (first, second):
        assert (story.control.spent("b"), story.control.held("b")) == (story.cost, 0)
        assert story.others() == AMOUNT - story.cost
