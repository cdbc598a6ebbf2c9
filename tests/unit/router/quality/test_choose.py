"""What is chosen is good enough and cheap, or worth most."""

import math

import pytest

from turnout.router.quality.choose import choose_by_utility, choose_cheapest

QUALITIES = [0.6, 0.8, 0.9]
COSTS = [1.0, 2.0, 9.0]


@pytest.mark.parametrize(("least", "chosen"), [(0.0, 0), (0.6, 0), (0.7, 1), (0.85, 2), (0.95, 2)])
def test_the_cheapest_that_is_good_enough_is_chosen_or_else_the_best(least: float, chosen: int) -> None:
    assert choose_cheapest(QUALITIES, COSTS, least) == chosen


def test_of_equally_cheap_ones_the_better_is_chosen() -> None:
    assert choose_cheapest([0.7, 0.9, 0.8], [1, 1, 1], 0.5) == 1
    assert choose_cheapest([0.2, 0.2], [3, 1], 0.5) == 1


def test_an_unknown_price_is_the_last_choice() -> None:
    assert choose_cheapest([0.9, 0.6], [math.inf, 5], 0.5) == 1
    assert choose_by_utility([0.9, 0.6], [math.inf, 5], 10) == 1


@pytest.mark.parametrize(("worth", "chosen"), [(0, 0), (4, 0), (6, 1), (50, 1), (100, 2), (math.inf, 2)])
def test_the_more_a_good_answer_is_worth_the_better_a_model_is_chosen(worth: float, chosen: int) -> None:
    assert choose_by_utility(QUALITIES, COSTS, worth) == chosen
