"""Which spending counts at which moment, by tables."""

from datetime import UTC, datetime

import pytest

from turnout.models.errors import BadRequest
from turnout.serve.control.money.windows import Span, find_span


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("window", "now", "begins", "ends"),
    [
        ("daily", "2026-11-23T21:12:00", "2026-11-23", "2026-11-24"),
        ("daily", "2026-11-23T00:00:00", "2026-11-23", "2026-11-24"),
        ("weekly", "2026-11-23T00:00:00", "2026-11-23", "2026-11-30"),
        ("weekly", "2026-11-22T23:59:59", "2026-11-16", "2026-11-23"),
        ("monthly", "2026-12-31T23:59:59", "2026-12-01", "2027-01-01"),
        ("monthly", "2028-02-29T12:00:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_calendar_windows_are_those_of_utc(window: str, now: str, begins: str, ends: str) -> None:
    assert find_span(window, at(now)) == Span(at(begins), at(begins), at(begins), at(ends))


def test_a_total_never_ends() -> None:
    assert find_span("total", 1e9) == Span(0, 0, 0, None)


@pytest.mark.parametrize("seconds", [1, 59, 60, 61, 3600, 86_400])
def test_whatever_was_spent_in_the_last_seconds_of_a_rolling_window_counts(seconds: int) -> None:
    for now in range(1_000_000, 1_000_000 + 3 * seconds // 60 + 3):
        span = find_span(f"rolling:{seconds}", now)
        for ago in (0, seconds // 2, seconds):
            assert find_span(f"rolling:{seconds}", now - ago).slice_s >= span.since_s
        long_ago = now - seconds - 2 * max(1, -(-seconds // 60))
        assert find_span(f"rolling:{seconds}", long_ago).slice_s < span.since_s


@pytest.mark.parametrize(
    "window", ["", "yearly", "rolling:", "rolling:0", "rolling:-1", "rolling:1e3", "rolling:9999999999"]
)
def test_another_word_is_no_window(window: str) -> None:
    with pytest.raises(BadRequest, match="window"):
        find_span(window, 0.0)
