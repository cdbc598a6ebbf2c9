"""Holds are exact, seldom wait, and find whatever is left; all on a loop whose time jumps."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from tests.fakes import ledger_row
from tests.fakes_loop import run_jumping
from tests.fakes_money import FakeControl
from turnout.models.access import Budget
from turnout.models.errors import BudgetExceeded, NoTarget, RateLimited
from turnout.models.ledger import LedgerEntry
from turnout.router.money.policy import MoneyPolicy
from turnout.router.money.purses import Purses

HARD = Budget("b", 1_000, "total")


class Station:
    """One router's purses, and the way of its rows to Control."""

    def __init__(self, control: FakeControl, name: str) -> None:
        self.control, self.name = control, name
        self.purses = Purses(control.bank(name), asyncio.get_running_loop().time)
        self._rows: list[LedgerEntry] = []
        self._number = 0

    async def spend(self, bound: int, cost: int, takes_s: float = 0.0, budgets: tuple[str, ...] = ("b",)) -> None:
        """One attempt."""
        held = self.purses.try_hold(budgets, "m", bound)
        if held is None:
            held = await self.purses.hold(budgets, "m", bound, asyncio.get_running_loop().time() + 60)
        await asyncio.sleep(takes_s)
        self._number += 1
        self._rows.append(ledger_row(f"{self.name}-{self._number}", cost, *held.ids))
        self.purses.settle(held, bound, cost)

    def send(self) -> None:
        """Bring the rows to Control."""
        sent, self._rows = self._rows, []
        self.control.append(self.name, sent)
        self.purses.note_safe(sent)

    async def run(self) -> None:
        filling = asyncio.ensure_future(self.purses.run())
        try:
            while True:
                await asyncio.sleep(0.25)
                if not self.control.is_away:
                    self.send()
        finally:
            filling.cancel()


@asynccontextmanager
async def stations(control: FakeControl, *names: str) -> AsyncIterator[list[Station]]:
    """Routers that run until the block ends."""
    opened = [Station(control, name) for name in names]
    tasks = [asyncio.ensure_future(each.run()) for each in opened]
    yield opened
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for each in opened:
        each.send()


def play(control: FakeControl, *names: str) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Runs a story with one station for each name."""

    def decorate(story: Callable[..., Awaitable[None]]) -> None:
        async def main() -> None:
            async with stations(control, *names) as opened:
                await story(*opened)

        run_jumping(main())

    return decorate


def test_the_first_hold_waits_for_control_and_the_next_do_not() -> None:
    control = FakeControl(HARD)

    @play(control, "a")
    async def story(a: Station) -> None:
        await a.spend(10, 4)
        await asyncio.sleep(0.3)
        await asyncio.gather(*(a.spend(10, 4) for _ in range(5)))
        await asyncio.sleep(0.3)
        held = a.purses.try_hold(("b",), "m", 10)
        assert held is not None
        a.purses.settle(held, 10, 0)

    assert control.spent("b") == 24


def test_who_comes_at_once_asks_once() -> None:
    control = FakeControl(HARD)

    @play(control, "a")
    async def story(a: Station) -> None:
        await asyncio.gather(*(a.spend(5, 5) for _ in range(100)))
        assert control.asked <= 4

    assert control.spent("b") == 500


@pytest.mark.parametrize("seed", range(5))
def test_a_thousand_at_two_routers_never_spend_more_than_there_is_and_nearly_all_of_it(seed: int) -> None:
    rng = random.Random(seed)
    control = FakeControl(Budget("b", 1_000_000_000, "total"))
    refused = 0

    async def ask(station: Station) -> None:
        nonlocal refused
        cost = rng.randint(1_000_000, 4_000_000)
        while True:
            try:
                return await station.spend(cost + rng.randint(0, cost), cost, rng.uniform(0.0, 1.5))
            except BudgetExceeded:
                refused += 1
                return None
            except RateLimited:
                await asyncio.sleep(1)  # as the answer says, and OpenAI's client does

    @play(control, "a", "c")
    async def story(*both: Station) -> None:
        await asyncio.gather(*(ask(both[number % 2]) for number in range(1_000)))
        await asyncio.sleep(0.5)

    assert refused > 400
    assert 970_000_000 <= control.spent("b") <= 1_000_000_000


def test_money_that_one_router_holds_and_does_not_use_goes_to_the_other() -> None:
    control = FakeControl(HARD)

    @play(control, "a", "c")
    async def story(a: Station, c: Station) -> None:
        await asyncio.gather(*(a.spend(9, 1) for _ in range(50)))
        await c.spend(900, 900)

    assert control.spent("b") == 950


def test_an_idle_router_gives_all_back() -> None:
    control = FakeControl(HARD)

    @play(control, "a")
    async def story(a: Station) -> None:
        await asyncio.gather(*(a.spend(9, 3) for _ in range(20)))
        await asyncio.sleep(3)
        assert (control.held("b"), control.spent("b")) == (0, 60)


def test_what_is_spent_is_refused_at_once_and_without_asking_each_time() -> None:
    control = FakeControl(HARD)

    @play(control, "a")
    async def story(a: Station) -> None:
        await a.spend(1_000, 1_000)
        await asyncio.sleep(1)
        asked = control.asked
        for _ in range(100):
            with pytest.raises(BudgetExceeded, match="less left"):
                await a.spend(1, 1)
        assert control.asked <= asked + 1

    assert control.spent("b") == 1_000


def test_money_that_is_only_held_is_waited_for_and_then_refused_for_a_while() -> None:
    control = FakeControl(HARD)

    @play(control, "a")
    async def story(a: Station) -> None:
        long = asyncio.ensure_future(a.spend(900, 100, takes_s=1.0))
        await asyncio.sleep(0.1)
        await a.spend(500, 500)
        assert long.done()
        long = asyncio.ensure_future(a.spend(300, 100, takes_s=30.0))
        await asyncio.sleep(0.1)
        with pytest.raises(RateLimited, match="held for requests") as refusal:
            await a.spend(300, 300)
        assert not isinstance(refusal.value, BudgetExceeded)
        await long

    assert control.spent("b") == 700


def test_who_leaves_while_waiting_holds_nothing() -> None:
    control = FakeControl(HARD, Budget("c", 10, "total"))

    @play(control, "a")
    async def story(a: Station) -> None:
        long = asyncio.ensure_future(a.spend(950, 10, takes_s=1.0))
        await asyncio.sleep(0.1)
        waiting = asyncio.ensure_future(a.spend(100, 100))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await long
        await a.spend(990, 10)
        with pytest.raises(BudgetExceeded):
            await a.spend(50, 50, budgets=("b", "c"))
        await a.spend(980, 10)

    assert control.spent("b") == 30


def test_every_budget_counts_and_one_for_another_model_does_not() -> None:
    other = Budget("other", 1, "total", model="elsewhere")
    control = FakeControl(HARD, Budget("soft", 1, "total", is_hard=False), other)

    @play(control, "a")
    async def story(a: Station) -> None:
        for _ in range(3):
            await a.spend(100, 50, budgets=("b", "soft", "other", "gone"))

    assert (control.spent("b"), control.spent("soft"), control.spent("other")) == (150, 150, 0)


def test_while_control_is_away_only_what_is_leased_is_spent_and_nothing_after_it_may_be_others() -> None:
    control = FakeControl(HARD)

    @play(control, "a")
    async def story(a: Station) -> None:
        for _ in range(10):
            await asyncio.gather(*(a.spend(10, 5) for _ in range(5)))
            await asyncio.sleep(0.1)
        control.is_away = True
        await a.spend(10, 5)
        with pytest.raises(NoTarget, match="Control"):
            await a.spend(400, 5)
        a.purses.policy = MoneyPolicy(spends_leased=False)
        with pytest.raises(NoTarget, match="Control"):
            await a.spend(1, 1)
        control.is_away = False
        await a.spend(10, 5)

    assert control.spent("b") == 260


def test_a_lease_that_was_given_to_others_begins_anew_with_what_is_not_booked() -> None:
    control = FakeControl(HARD)

    @play(control, "a", "c")
    async def story(a: Station, c: Station) -> None:
        await a.spend(300, 200)
        control.is_away = True
        control.release("a")
        await asyncio.sleep(40)
        control.is_away = False
        await c.spend(500, 500)
        await a.spend(300, 300)
        await asyncio.sleep(1)
        with pytest.raises(BudgetExceeded):
            await a.spend(1, 1)

    assert control.spent("b") == 1_000


def test_past_its_share_a_budget_sends_requests_to_the_cheaper_model() -> None:
    control = FakeControl(Budget("b", 1_000, "total", downgrade_at=0.5, downgrade_to="small"))

    @play(control, "a")
    async def story(a: Station) -> None:
        await a.spend(400, 400)
        await asyncio.sleep(0.5)
        assert a.purses.find_downgrade(("b",), "m") is None
        await a.spend(100, 100)
        assert a.purses.find_downgrade(("b",), "m") == "small"
        assert a.purses.find_downgrade(("b",), "small") is None
