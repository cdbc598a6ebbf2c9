"""What an endpoint's answers teach of its speed."""

import random

import pytest

from turnout.router.plan.predict.fit import Line
from turnout.router.plan.predict.pace import Pace


def taught(pace: Pace, slower: float = 1.0, count: int = 100, since: float = 0.0) -> float:
    """Answers of an endpoint that takes 20 ms and 0.1 ms a token, one a second; when the last came."""
    rng = random.Random(7)
    for second in range(count):
        tokens = rng.randrange(100, 20_000)
        pace.note_first(tokens, slower * (0.02 + tokens * 1e-4), since + second)
    return since + count - 1


def test_a_line_is_found_through_points_with_noise() -> None:
    rng, line = random.Random(1), Line()
    for _ in range(300):
        x = rng.uniform(0, 1000)
        line.note(x, 5 + 0.2 * x + rng.uniform(-3, 3))
    assert line.start == pytest.approx(5, abs=2)
    assert line.slope == pytest.approx(0.2, rel=0.03)


def test_points_at_one_place_make_a_line_through_the_origin_and_not_a_flat_one() -> None:
    line = Line()
    for _ in range(20):
        line.note(1000, 2.0)
    assert line.at(1000) == pytest.approx(2.0)
    assert line.at(2000) == pytest.approx(4.0, rel=0.05)


def test_one_wild_point_moves_a_line_little() -> None:
    line = Line()
    for x in range(1, 101):
        line.note(x * 100, x * 0.1)
    line.note(5000, 600.0)
    assert line.at(5000) == pytest.approx(5.0, rel=0.1)


def test_neither_start_nor_slope_is_ever_negative() -> None:
    line = Line()
    for x, y in ((100, 9.0), (200, 5.0), (300, 1.0), (400, 0.5)):
        line.note(x, y)
        assert line.start >= 0
        assert line.slope >= 0


def test_predictions_are_within_a_tenth_after_a_hundred_answers() -> None:
    pace = Pace()
    now = taught(pace)
    assert pace.first_s(5000, now) == pytest.approx(0.52, rel=0.05)
    assert pace.error < 0.1


def test_five_times_slower_is_seen_within_five_answers() -> None:
    pace = Pace()
    now = taught(pace)
    taught(pace, slower=5.0, count=5, since=now + 1)
    assert pace.first_s(5000, now + 5) > 2.5 * 0.52


def test_a_slow_endpoint_that_is_left_alone_is_worth_a_try_within_half_a_minute() -> None:
    pace = Pace()
    now = taught(pace)
    now = taught(pace, slower=5.0, count=6, since=now + 1)
    assert pace.first_s(5000, now) > 2.5 * 0.52
    assert pace.first_s(5000, now + 25) < 1.5 * 0.52


def test_one_stuck_request_is_not_a_slow_endpoint() -> None:
    pace = Pace()
    now = taught(pace)
    pace.note_first(100, 60.0, now + 1)
    for second in range(2, 8):
        pace.note_first(5000, 0.52, now + second)
    assert pace.first_s(5000, now + 8) == pytest.approx(0.52, rel=0.25)


def test_the_time_a_token_takes_grows_with_the_batch() -> None:
    pace = Pace()
    for running in range(1, 60):
        pace.note_rest(running, 100 * (0.012 + 0.00015 * running), 100)
    assert pace.token_s(0, 0.0) == pytest.approx(0.012, rel=0.05)
    assert pace.token_s(50, 0.0) == pytest.approx(0.0195, rel=0.05)
