"""Bounds on how many rare events there will be, or what rate those that were seen allow."""

from math import sqrt


def bound_rate_events(seen: float, z: float) -> float:
    """
    The largest expected number of events that `seen` of them leave plausible (`z` > 0), or the smallest (`z` < 0).

    Args:
        seen: events; not a whole number where they're corrected for wrong judgements.
        z: normal quantile of the confidence: 1.645 is 95 % on one side.

    Source: Garwood's exact limits of a Poisson mean (1936), which are chi-squared quantiles, by the approximation of Wilson and Hilferty (1931).
    """
    if z < 0:
        return _chi_squared(2 * seen, z) / 2 if seen > 0 else 0.0
    return _chi_squared(2 * (seen + 1), z) / 2


def most_expected(allowed: int, z: float) -> float:
    """The largest Poisson mean with which more than `allowed` events are as improbable as a normal deviate above `z`."""
    return _chi_squared(2 * (allowed + 1), -z) / 2


def _chi_squared(degrees: float, z: float) -> float:
    part = 2 / (9 * degrees)
    return degrees * max(0.0, 1 - part + z * sqrt(part)) ** 3
