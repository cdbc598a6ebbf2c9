"""What tenants may spend on targets in reserve."""

import random

from turnout.router.plan.spill.budget import MOST_TENANTS, SpillBudget

HOUR_S = 3600.0


def budget(nusd: int = 1000, part: float = 1.0) -> SpillBudget:
    return SpillBudget(lambda: part, nusd)


def test_what_is_held_for_requests_that_run_is_not_left_for_others() -> None:
    own = budget()
    assert own.try_hold("t", 700, 0.0)
    assert not own.try_hold("t", 301, 0.0)
    assert own.try_hold("t", 300, 0.0)
    own.settle("t", 700, 100, 1.0)
    assert own.left_nusd("t", 1.0) == 600


def test_tenants_have_a_budget_each() -> None:
    own = budget()
    assert own.try_hold("t", 1000, 0.0)
    assert own.try_hold("u", 1000, 0.0)


def test_what_was_spent_comes_back_when_it_is_an_hour_old() -> None:
    own = budget()
    own.try_hold("t", 1000, 59.0)
    own.settle("t", 1000, 1000, 59.0)
    wait_s = own.room_in_s("t", 59.0)
    assert not own.try_hold("t", 1, 59.0 + HOUR_S)
    assert own.try_hold("t", 1000, 59.0 + wait_s)
    assert wait_s <= HOUR_S + 60


def test_a_router_spends_its_part() -> None:
    own = budget(part=0.25)
    assert not own.try_hold("t", 251, 0.0)
    assert own.try_hold("t", 250, 0.0)


def test_no_hour_costs_more_than_the_budget() -> None:
    rng, own, now = random.Random(7), budget(), 0.0
    spent: list[tuple[float, int]] = []
    for _ in range(5000):
        now += rng.expovariate(0.1)
        held = rng.randint(1, 120)
        if own.try_hold("t", held, now):
            cost = rng.randint(0, held)
            own.settle("t", held, cost, now)
            spent.append((now, cost))
    worst = max(sum(cost for at, cost in spent if begin <= at < begin + HOUR_S) for begin, _ in spent)
    assert 800 < worst <= 1000


def test_tenants_are_remembered_up_to_a_bound_and_forgotten_once_idle() -> None:
    own = budget()
    for number in range(MOST_TENANTS):
        assert own.try_hold(f"t{number}", 1, 0.0)
    assert not own.try_hold("one more", 1, 0.0)
    own.settle("t0", 1, 0, 0.0)
    assert own.try_hold("one more", 1, 0.0)
