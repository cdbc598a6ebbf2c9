"""The oracle of constraints finds what it looks for: a strategy that forgets a Filter is caught, and ours isn't."""

from random import Random

import pytest

from turnout.benchmarks.scenarios.routing.soundness import Tally, follow, make_fleet
from turnout.router.catalogue import ModelRoute
from turnout.router.plan.constraints import FILTERS
from turnout.router.plan.strategies.even import Even
from turnout.router.plan.strategies.named import Strategies
from turnout.router.plan.strategies.pickers import Best
from turnout.router.plan.strategy import Filter, Strategy
from turnout.router.values import Constraints


class Lax(Strategies):
    """Plans with fewer Filters than there are."""

    def __init__(self, rng: Random, filters: tuple[Filter, ...]) -> None:
        super().__init__(rng)
        self._strategy = Strategy("lax", filters, Even(), Best(rng), rng.random)

    def of(self, route: ModelRoute, constraints: Constraints) -> Strategy:
        del route, constraints
        return self._strategy


def look(make: type[Strategies] | None = None, *, without: str = "") -> Tally:
    rng, tally = Random(3), Tally()
    for _ in range(20):
        fleet = make_fleet(rng, "order")
        strategies = (
            Strategies(rng) if make is None else Lax(rng, tuple(each for each in FILTERS if each.code != without))
        )
        for _ in range(50):
            follow(fleet, strategies, rng, tally)
    return tally


@pytest.mark.parametrize("code", [each.code for each in FILTERS])
def test_a_filter_that_is_forgotten_is_found(code: str) -> None:
    tally = look(Lax, without=code)
    assert tally.violations > 0
    assert "in spite of" in tally.first


def test_with_all_filters_nothing_is_found_on_all_ways_that_a_request_may_go() -> None:
    tally = look()
    assert (tally.violations, tally.first) == (0, "")
    assert tally.places > 500
    assert tally.fallbacks > 100
    assert tally.refused > 100
