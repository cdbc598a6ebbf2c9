"""What a month will have cost at its end, from its days so far: pure."""

import calendar
import math
from collections.abc import Mapping
from datetime import date, timedelta

import msgspec

LOOK_BACK_DAYS = 28
FEWEST_DAYS = 3
"""Whole days needed before anything is said; with less, a single day would decide."""

FEWEST_WEEKS_DAYS = 14
"""From two whole weeks on, each day of the week has its own mean."""

Z_80 = 1.2816
"""Standard deviations on either side that hold 80 % of a normal distribution."""


class Forecast(msgspec.Struct, frozen=True):
    """
    A month's cost at its end.

    Attributes:
        month: such as `2026-11`.
        spent_nusd: so far.
        expected_nusd, low_nusd, high_nusd: at the end, and an 80 % interval; None before there are three whole days to go by.
        method: `weekday_mean`: each day left costs the mean of the same weekdays of the last 28 days. `mean`: the mean of the last days, at most 7,
            while there are fewer than 14. `none`: too little is known.
        days: whole days that it's made from.
    """

    month: str
    spent_nusd: int
    expected_nusd: int | None
    low_nusd: int | None
    high_nusd: int | None
    method: str
    days: int


def forecast_month(days: Mapping[date, int], today: date, passed: float, first: date | None) -> Forecast:
    """
    Carry the days so far on to the month's end.

    Args:
        days: cost of each day in nano-USD; a day that isn't there cost nothing.
        today: the day that isn't over, UTC.
        passed: the share of today that's over.
        first: the first day with anything in the ledger; days before it say nothing.

    The interval assumes that days are independent, with the spread that the days gone by had around their means, and knows how few days those
    means are from; it never goes below what's spent.
    """
    month = today.strftime("%Y-%m")
    spent = sum(
        cost for day, cost in days.items() if (day.year, day.month) == (today.year, today.month) and day <= today
    )
    history = _look_back(days, today, first)
    if len(history) < FEWEST_DAYS:
        return Forecast(month, spent, None, None, None, "none", len(history))
    by_weekday = len(history) >= FEWEST_WEEKS_DAYS
    if not by_weekday:
        history = dict(sorted(history.items())[-7:])
    kinds: dict[int, list[int]] = {}
    for day, cost in history.items():
        kinds.setdefault(day.weekday() if by_weekday else 0, []).append(cost)
    left = dict.fromkeys(kinds, 0.0)
    for number in range(calendar.monthrange(today.year, today.month)[1] - today.day + 1):
        day = today + timedelta(days=number)
        left[day.weekday() if by_weekday else 0] += 1.0 if number else 1 - passed
    rest = sum(days_left * _mean(kinds[kind]) for kind, days_left in left.items())
    reach = Z_80 * math.sqrt(_variance(kinds, left))
    return Forecast(
        month,
        spent,
        spent + round(rest),
        spent + max(0, round(rest - reach)),
        spent + round(rest + reach),
        "weekday_mean" if by_weekday else "mean",
        len(history),
    )


def _look_back(days: Mapping[date, int], today: date, first: date | None) -> dict[date, int]:
    """The last whole days, those without cost included, but none before the first."""
    back = (today - timedelta(days=n) for n in range(1, LOOK_BACK_DAYS + 1))
    return {day: days.get(day, 0) for day in back if first is not None and day >= first}


def _variance(kinds: Mapping[int, list[int]], left: Mapping[int, float]) -> float:
    """Of the cost of the days left: their own, and that of the means that they are expected to have."""
    squares = sum((cost - _mean(costs)) ** 2 for costs in kinds.values() for cost in costs)
    of_one_day = squares / max(1, sum(map(len, kinds.values())) - len(kinds))
    return of_one_day * sum(days_left + days_left**2 / len(kinds[kind]) for kind, days_left in left.items())


def _mean(values: list[int]) -> float:
    return sum(values) / len(values)
