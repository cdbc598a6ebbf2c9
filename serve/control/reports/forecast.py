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

    The interval assumes that days are independent, with the spread that the days gone by had around their means; it never goes below what's spent.
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
    means = {
        weekday: _mean([c for d, c in history.items() if not by_weekday or d.weekday() == weekday])
        for weekday in range(7)
    }
    last = calendar.monthrange(today.year, today.month)[1]
    left = [today + timedelta(days=n) for n in range(1, last - today.day + 1)]
    rest = sum(means[day.weekday()] for day in left) + means[today.weekday()] * (1 - passed)
    spread = math.sqrt(_mean([(cost - means[day.weekday()]) ** 2 for day, cost in history.items()]))
    reach = Z_80 * spread * math.sqrt(len(left) + 1 - passed)
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


def _mean(values: list[float] | list[int]) -> float:
    return sum(values) / len(values) if values else 0.0
