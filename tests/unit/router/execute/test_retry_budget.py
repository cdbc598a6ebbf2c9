"""Retries are at most a share of the requests of the last 10 s."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from turnout.router.execute.retry_budget import WINDOW_S, RetryBudget


def spend_all(budget: RetryBudget, now: float, share: float = 0.2, floor: int = 0) -> int:
    """How many retries there are until it says no."""
    spent = 0
    while budget.try_spend(share, floor, now):
        spent += 1
        assert spent < 10_000
    return spent


def test_a_fifth_of_the_requests_may_be_tried_again() -> None:
    budget = RetryBudget()
    for number in range(100):
        budget.note_request(1000.0 + number / 20)
    assert spend_all(budget, 1005.0) == 20
    assert spend_all(budget, 1009.0) == 0
    assert spend_all(budget, 1015.0) == 0, "requests and retries are forgotten alike"


def test_a_quiet_gateway_may_retry_all_the_same() -> None:
    budget = RetryBudget()
    assert spend_all(budget, 1000.0, floor=3) == 3
    assert spend_all(budget, 1009.9, floor=3) == 0
    assert spend_all(budget, 1010.0, floor=3) == 3


def test_without_requests_or_a_floor_there_is_no_retry() -> None:
    assert spend_all(RetryBudget(), 1000.0) == 0


def test_a_request_that_came_earlier_than_others_does_not_turn_time_back() -> None:
    budget = RetryBudget()
    for _ in range(100):
        budget.note_request(1010.0)
    assert spend_all(budget, 1010.0) == 20
    budget.note_request(1009.9)  # it was held up on its way
    assert spend_all(budget, 1010.0) == 1


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), share=st.floats(0.0, 1.0), floor=st.integers(0, 5))
def test_random_walks_agree_with_keeping_every_request_and_retry(seed: int, share: float, floor: int) -> None:
    chance, budget, now = random.Random(seed), RetryBudget(), 1000.0
    requests: list[int] = []
    retries: list[int] = []
    for _ in range(300):
        now += chance.choice((0.0, 0.1, 0.1, 0.9, 4.0))
        for _ in range(chance.randrange(4)):
            budget.note_request(now)
            requests.append(int(now))
        recent = [sum(second > int(now) - WINDOW_S for second in each) for each in (requests, retries)]
        expected = recent[1] < max(floor, share * recent[0])
        assert budget.try_spend(share, floor, now) is expected
        if expected:
            retries.append(int(now))
