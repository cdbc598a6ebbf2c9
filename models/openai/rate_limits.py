"""Reads what a provider says is left of its limits from the header of an answer."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

import msgspec

from turnout.models.exchange import Headers

MARK = b"ratelimit"
"""Stands in the name of every such header."""

_DURATION = re.compile(
    r"(?:(?P<d>\d+)d)?(?:(?P<h>\d+)h)?(?:(?P<m>\d+)m(?!s))?(?:(?P<s>\d+(?:\.\d+)?)s)?(?:(?P<ms>\d+(?:\.\d+)?)ms)?"
)
_SECONDS_IN = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_LONGEST_S = 31 * 86400.0


class Allowance(msgspec.Struct, frozen=True):
    """
    What is left of one limit.

    Attributes:
        left: now.
        most: when nothing is used, or None if that isn't told.
        full_in_s: seconds until nothing is used any more, or None.
    """

    left: float
    most: float | None
    full_in_s: float | None


class Allowances(msgspec.Struct, frozen=True):
    """What is left of a provider's limits on requests and on tokens; None for one that isn't told."""

    requests: Allowance | None
    tokens: Allowance | None


def read_allowances(headers: Headers) -> Allowances | None:
    """
    What the header tells, or None if it tells nothing.

    Of several limits on the same thing the one with least left is taken. Times of day are counted from the answer's own `date`.

    Sources, read 2026-11: `x-ratelimit-*` of platform.openai.com/docs/guides/rate-limits and console.groq.com/docs/rate-limits (durations such as
    `6m0s` or `2m59.56s`), the same with plain seconds and `-minute` at the end of names as Mistral's, and `anthropic-ratelimit-*` (RFC 3339) of
    docs.anthropic.com/en/api/rate-limits. All of these fill up evenly.
    """
    found = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in headers if MARK in name or name == b"date"
    }
    told = Allowances(_read(found, "requests"), _read(found, "tokens"))
    return None if told.requests is None and told.tokens is None else told


def parse_duration(text: str) -> float | None:
    """Seconds of `20ms`, `1s`, `6m0s`, `1h2m3.5s` or a plain number of seconds; None for anything else."""
    found = _DURATION.fullmatch(text)
    if found is None or not text:
        try:
            seconds = float(text)
        except ValueError:
            return None
    else:
        seconds = sum(float(count) * _SECONDS_IN[unit] for unit, count in found.groupdict().items() if count)
    return seconds if 0 <= seconds <= _LONGEST_S else None


def _read(found: Mapping[str, str], what: str) -> Allowance | None:
    each = [allowance for names in _NAMES[what] if (allowance := _read_one(found, *names)) is not None]
    return min(each, key=lambda allowance: allowance.left, default=None)


def _read_one(found: Mapping[str, str], left: str, most: str, reset: str) -> Allowance | None:
    left_now = _parse_count(found.get(left))
    if left_now is None:
        return None
    told = found.get(reset, "")
    full_in_s = parse_duration(told)
    return Allowance(left_now, _parse_count(found.get(most)), _until(told, found) if full_in_s is None else full_in_s)


def _parse_count(text: str | None) -> float | None:
    try:
        count = float(text or "")
    except ValueError:
        return None
    return count if math.isfinite(count) else None


def _until(time: str, found: Mapping[str, str]) -> float | None:
    """Seconds from the answer's date to an RFC 3339 time."""
    try:
        seconds = (datetime.fromisoformat(time) - parsedate_to_datetime(found["date"])).total_seconds()
    except (KeyError, TypeError, ValueError):
        return None
    return min(max(seconds, 0.0), _LONGEST_S)


def _names(what: str) -> tuple[tuple[str, str, str], ...]:
    openai = tuple(
        (f"x-ratelimit-remaining-{end}", f"x-ratelimit-limit-{end}", f"x-ratelimit-reset-{end}")
        for end in (what, f"{what}-minute")
    )
    kinds = (what, "input-tokens", "output-tokens") if what == "tokens" else (what,)
    anthropic = tuple(
        (
            f"anthropic-ratelimit-{kind}-remaining",
            f"anthropic-ratelimit-{kind}-limit",
            f"anthropic-ratelimit-{kind}-reset",
        )
        for kind in kinds
    )
    return (*openai, *anthropic)


_NAMES = {what: _names(what) for what in ("requests", "tokens")}
