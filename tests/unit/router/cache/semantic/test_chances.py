"""Limits of Poisson means agree with the exact ones."""

import math

import pytest

from turnout.router.cache.semantic.chances import bound_rate_events, most_expected


def exceed(mean: float, allowed: int) -> float:
    return 1 - sum(math.exp(-mean) * mean**k / math.factorial(k) for k in range(allowed + 1))


@pytest.mark.parametrize(("seen", "exact"), [(0, 2.996), (1, 4.744), (5, 10.513), (20, 29.062)])
def test_the_upper_limit_is_the_textbook_one(seen: int, exact: float) -> None:
    assert bound_rate_events(seen, 1.645) == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize(("seen", "exact"), [(1, 0.0513), (5, 1.970), (20, 13.255)])
def test_the_lower_limit_is_the_textbook_one(seen: int, exact: float) -> None:
    assert bound_rate_events(seen, -1.645) == pytest.approx(exact, rel=0.05, abs=0.02)


def test_nothing_seen_proves_nothing() -> None:
    assert bound_rate_events(0, -1.645) == 0


@pytest.mark.parametrize("allowed", [1, 3, 10, 50])
def test_the_largest_mean_exceeds_what_is_allowed_as_seldom_as_asked(allowed: int) -> None:
    assert exceed(most_expected(allowed, 2.0), allowed) == pytest.approx(0.0228, abs=0.007)
