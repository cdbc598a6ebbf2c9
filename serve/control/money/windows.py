"""The times that budgets are for: which spending counts now, and until when. Pure; all times are unix seconds, UTC."""

from datetime import UTC, datetime, timedelta

import msgspec

from turnout.models.errors import BadRequest

ROLLING = "rolling:"
SLICES = 60
"""A rolling window is counted in so many slices; a slice counts until the last moment of it is out, so never too little is counted."""

LONGEST_ROLLING_S = 366 * 24 * 3600


class Span(msgspec.Struct, frozen=True):
    """
    A window at one moment.

    Attributes:
        since_s: start of the oldest slice that counts.
        slice_s: start of the slice that new spending goes into.
        began_at_s, ends_at_s: the window's bounds; a rolling one ends when its newest slice is out, and a total never (None).
    """

    since_s: int
    slice_s: int
    began_at_s: int
    ends_at_s: int | None


def find_span(window: str, now_s: float) -> Span:
    """
    The span of `window` at `now_s`.

    Raises:
        BadRequest: it isn't `total`, `daily`, `weekly`, `monthly` or `rolling:SECONDS`.
    """
    if window.startswith(ROLLING):
        return _find_rolling(window, int(now_s))
    now = datetime.fromtimestamp(now_s, UTC)
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match window:
        case "total":
            return Span(0, 0, 0, None)
        case "daily":
            return _calendar(midnight, midnight + timedelta(days=1))
        case "weekly":
            monday = midnight - timedelta(days=midnight.weekday())
            return _calendar(monday, monday + timedelta(days=7))
        case "monthly":
            first = midnight.replace(day=1)
            return _calendar(first, (first + timedelta(days=32)).replace(day=1))
        case _:
            raise BadRequest(
                f"a budget's window is {window!r}; it is total, daily, weekly, monthly or rolling:SECONDS", "window"
            )


def _calendar(start: datetime, end: datetime) -> Span:
    start_s = int(start.timestamp())
    return Span(start_s, start_s, start_s, int(end.timestamp()))


def _find_rolling(window: str, now_s: int) -> Span:
    text = window.removeprefix(ROLLING)
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if not 1 <= seconds <= LONGEST_ROLLING_S:
        raise BadRequest(
            f"a budget's window is {window!r}; after rolling: come whole seconds up to {LONGEST_ROLLING_S}", "window"
        )
    length = -(-seconds // SLICES)
    slice_s = now_s - now_s % length
    oldest = now_s - seconds - length  # a slice that began then has its last moment just out of the window
    return Span(oldest + 1, slice_s, now_s - seconds, slice_s + length + seconds)
