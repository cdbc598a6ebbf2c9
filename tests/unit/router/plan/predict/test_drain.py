"""How long those wait that are held back."""

import pytest

from turnout.router.plan.predict.drain import Drain


def test_it_says_nothing_before_anybody_was_let_go() -> None:
    drain = Drain()
    drain.add(5000, 10.0)
    assert drain.wait_s == 0.0


def test_it_goes_on_as_fast_as_it_went() -> None:
    drain = Drain()
    for _ in range(10):
        drain.add(1000, 10.0)
    for number in range(6):
        drain.let_go(1000, 10.5 + number / 2)
    assert drain.wait_s == pytest.approx(2.0)


def test_time_in_which_nobody_was_held_does_not_count() -> None:
    drain = Drain()
    drain.add(1000, 10.0)
    drain.let_go(1000, 10.5)
    assert drain.wait_s == 0.0
    drain.add(1000, 500.0)
    drain.add(1000, 500.0)
    drain.let_go(1000, 500.5)
    assert drain.wait_s == pytest.approx(0.5)


def test_who_gives_up_is_no_progress() -> None:
    drain = Drain()
    for _ in range(3):
        drain.add(1000, 10.0)
    drain.let_go(1000, 11.0)
    drain.discard(1000)
    assert (drain.tokens, drain.wait_s) == (1000, pytest.approx(1.0))
