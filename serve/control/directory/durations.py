"""Times and money as the admin API's callers write them: `30d`, `1mo`, `12.50`."""

import re
from decimal import Decimal

from turnout.models.errors import BadRequest

_DURATION = re.compile(r"(\d{1,6})(mo|[smhdw])")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "mo": 30 * 86_400}
_CALENDAR = {
    "1d": "daily", "24h": "daily", "daily": "daily",
    "7d": "weekly", "1w": "weekly", "weekly": "weekly",
    "30d": "monthly", "1mo": "monthly", "monthly": "monthly",
    "total": "total",
}  # fmt: skip
_NANO = Decimal(10**9)


def read_duration_s(text: str) -> int:
    """Seconds of `30s`, `15m`, `12h`, `30d`, `2w` or `1mo` (30 days). Raises BadRequest."""
    found = _DURATION.fullmatch(text)
    if found is None or int(found[1]) == 0:
        raise BadRequest(f"{text!r} isn't a duration: write a number and s, m, h, d, w or mo, such as '30d'")
    return int(found[1]) * _UNITS_S[found[2]]


def read_window(text: str | None) -> str:
    """
    A `Budget.window`: none is `total`; `1d`, `7d` and `30d` or `1mo` are the calendar's day, week and month in UTC, as LiteLLM resets them; any
    other length rolls. Raises BadRequest.
    """
    if text is None:
        return "total"
    return _CALENDAR.get(text) or f"rolling:{read_duration_s(text)}"


def name_window(window: str) -> str:
    """The window as it stands in a budget's id: without a colon."""
    return window.replace(":", "-")


def to_nusd(usd: Decimal) -> int:
    """Dollars as nano-USD. Raises BadRequest for what is finer, negative or endless."""
    if not usd.is_finite() or usd < 0 or usd * _NANO >= 2**63 or usd * _NANO % 1:
        raise BadRequest(f"{usd} can't be an amount: dollars from 0, with at most 9 decimals")
    return int(usd * _NANO)


def write_usd(nusd: int) -> str:
    """Nano-USD as dollars, exactly: `12.5`."""
    whole, rest = divmod(nusd, 10**9)
    return f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
