"""What a month will have cost."""

import random
from datetime import date, timedelta

from turnout.serve.control.reports.forecast import forecast_month

TODAY = date(2026, 11, 20)


def days(cost: object, back: int, today: date = TODAY) -> dict[date, int]:
    return {
        today - timedelta(days=n): (cost(today - timedelta(days=n)) if callable(cost) else cost)
        for n in range(1, back + 1)
    }


def test_the_same_every_day_goes_on_with_no_doubt() -> None:
    made = forecast_month(days(100, 19), TODAY, 0.0, TODAY - timedelta(days=19))
    assert (made.spent_nusd, made.expected_nusd, made.low_nusd, made.high_nusd) == (1900, 3000, 3000, 3000)


def test_weekends_have_their_own_mean_once_there_are_two_weeks() -> None:
    def cost(day: date) -> int:
        return 10 if day.weekday() >= 5 else 100

    made = forecast_month(days(cost, 28), TODAY, 1.0, TODAY - timedelta(days=28))
    left = [TODAY + timedelta(days=n) for n in range(1, 11)]
    assert made.method == "weekday_mean"
    assert made.expected_nusd == made.spent_nusd + sum(map(cost, left))


def test_with_less_than_two_weeks_the_last_seven_days_count() -> None:
    made = forecast_month(
        days(lambda day: 1000 if day < date(2026, 11, 13) else 70, 10), TODAY, 1.0, date(2026, 11, 10)
    )
    assert (made.method, made.days) == ("mean", 7)
    assert made.expected_nusd == made.spent_nusd + 700


def test_nothing_is_said_before_three_whole_days() -> None:
    made = forecast_month(days(5, 2), TODAY, 0.5, TODAY - timedelta(days=2))
    assert (made.method, made.expected_nusd, made.spent_nusd) == ("none", None, 10)
    assert forecast_month({}, TODAY, 0.5, None).expected_nusd is None


def test_days_without_cost_count_as_nothing_but_days_before_the_first_dont_count() -> None:
    spent = {TODAY - timedelta(days=1): 700}
    assert forecast_month(spent, TODAY, 1.0, TODAY - timedelta(days=7)).expected_nusd == 700 + 10 * 100


def test_the_month_that_begins_has_the_last_month_to_go_by() -> None:
    first = date(2026, 12, 1)
    made = forecast_month(days(50, 28, first), first, 0.0, first - timedelta(days=28))
    assert (made.month, made.spent_nusd, made.expected_nusd) == ("2026-12", 0, 31 * 50)


def test_four_of_five_months_end_within_the_interval() -> None:
    rng = random.Random(7)
    inside = 0
    for _ in range(400):
        everything = {TODAY + timedelta(days=n): rng.randrange(500, 1500) for n in range(-28, 11)}
        month = sum(cost for day, cost in everything.items() if day.month == 11 and day != TODAY) + everything[TODAY]
        known = {day: cost for day, cost in everything.items() if day < TODAY}
        made = forecast_month(known, TODAY, 0.0, TODAY - timedelta(days=28))
        assert made.low_nusd is not None
        assert made.high_nusd is not None
        inside += made.low_nusd <= month <= made.high_nusd
    assert 0.7 <= inside / 400 <= 0.9
