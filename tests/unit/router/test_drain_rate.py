"""What counts as the speed of a line, and what is forgotten."""

import itertools

import pytest

from turnout.router.execute.drain_rate import FORGET_S, FOUNDED, LONGEST_S, UNKNOWN_S, WINDOW, DrainRate


def freed(every_s: float, count: int, at_s: float = 0.0) -> DrainRate:
    drain = DrainRate()
    drain.want(at_s)
    for number in range(count):
        drain.free(at_s + (number + 1) * every_s)
    return drain


def test_the_mean_is_of_the_last_ones() -> None:
    drain = freed(10.0, WINDOW)
    for number in range(WINDOW):
        drain.free(10.0 * WINDOW + (number + 1) * 0.5)
    assert drain.interval_s(10.0 * WINDOW + WINDOW * 0.5) == pytest.approx(0.5)


def test_time_in_which_nobody_wants_a_slot_does_not_count() -> None:
    drain = freed(1.0, 4)
    drain.rest(4.0)
    assert drain.interval_s(30.0) == pytest.approx(1.0)
    drain.want(30.0)
    drain.free(31.0)
    assert drain.interval_s(31.0) == pytest.approx(1.0)


def test_silence_counts_while_somebody_waits() -> None:
    assert freed(1.0, 10).interval_s(30.0) == pytest.approx(3.0)


def test_it_is_founded_after_a_few_and_unfounded_again_after_a_long_rest() -> None:
    assert not freed(1.0, FOUNDED - 1).is_founded
    drain = freed(1.0, FOUNDED)
    assert drain.is_founded
    drain.rest(10.0)
    drain.want(10.0 + FORGET_S + 1)
    assert not drain.is_founded


def test_nothing_known_promises_a_second_and_then_as_long_as_it_took() -> None:
    drain = DrainRate()
    drain.want(0.0)
    assert drain.promise_s(2, 100, 0.0) == UNKNOWN_S
    assert drain.promise_s(2, 100, 5.0) == pytest.approx(10.0)


def test_those_sent_away_together_come_back_one_by_one_and_never_after_more_than_a_minute() -> None:
    drain = freed(0.1, WINDOW)
    now = 0.1 * WINDOW
    promised = [drain.promise_s(10, 100, now) for _ in range(1000)]
    assert promised[0] == pytest.approx(1.0)
    assert [round(b - a, 3) for a, b in itertools.pairwise(promised[:50])] == [0.11] * 49
    assert promised[-1] == LONGEST_S
