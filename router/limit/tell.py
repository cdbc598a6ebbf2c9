"""What callers are told of their limits: OpenAI's headers, and the texts of refusals."""

import math
from collections.abc import Iterable, Sequence

from turnout.models.access import Limit, Unit
from turnout.models.exchange import Headers
from turnout.router.limit.line import Line

_OWNERS = {
    "key": "This key's",
    "user": "This user's",
    "team": "This team's",
    "org": "This organisation's",
    "tier": "This tier's",
    "model": "This model's",
    "global": "This gateway's",
}
_WINDOWS = {60: "a minute", 3600: "an hour", 86400: "a day"}
_ROUNDING = 1e-6
OVER_SOFT = b"x-turnout-over-soft-limit"


class Rates:
    """The lines that count one unit, and the names of the headers that tell of them."""

    __slots__ = ("_left", "_limit", "_lines", "_reset")

    def __init__(self, unit: Unit, lines: Sequence[Line]) -> None:
        name = unit.value.encode()
        self._lines = tuple(lines)
        self._limit = b"x-ratelimit-limit-" + name
        self._left = b"x-ratelimit-remaining-" + name
        self._reset = b"x-ratelimit-reset-" + name

    def tell(self, now: float) -> Headers:
        """
        Limit, rest and time until full again of the rate that has least left.

        What is left is this router's view: its own part scaled up to the whole limit.

        Source: OpenAI's guide to rate limits, read 2026-11.
        """
        tightest, least = self._lines[0].bucket, math.inf
        for line in self._lines:
            bucket = line.bucket
            left = bucket.fullness(now) * bucket.limit.amount
            if left < least:
                tightest, least = bucket, left
        return (
            (self._limit, b"%d" % tightest.limit.amount),
            (self._left, b"%d" % max(0.0, least + _ROUNDING)),
            (self._reset, write_duration(tightest.full_in_s(now))),
        )


def told_rates(lines: Sequence[Line]) -> tuple[Rates, ...]:
    """What callers are told of, requests before tokens."""
    by_unit = {
        unit: [line for line in lines if line.bucket.limit.unit is unit] for unit in (Unit.REQUESTS, Unit.TOKENS)
    }
    return tuple(Rates(unit, found) for unit, found in by_unit.items() if found)


def soft_header(over: Iterable[Line]) -> tuple[bytes, bytes]:
    """Names whose soft limits are passed, such as `key requests, team tokens`."""
    names = (f"{line.bucket.kind} {line.bucket.limit.unit.value}" for line in over)
    return OVER_SOFT, ", ".join(names).encode()


def write_duration(seconds: float) -> bytes:
    """As OpenAI writes it: `20ms`, `1s`, `8.64s`, `6m0s`, `1h0m0s`; rounded up, so that nobody comes too early."""
    if seconds < 1:
        return b"%dms" % math.ceil(seconds * 1e3)
    if seconds < 60:
        return b"%gs" % (math.ceil(seconds * 100) / 100)
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return b"%dh%dm%ds" % (hours, minutes, rest) if hours else b"%dm%ds" % (minutes, rest)


def explain_full(limit: Limit, kind: str, wait_s: float) -> str:
    """The text of a 429."""
    if limit.unit is Unit.CONCURRENT:
        what = f"limit of {limit.amount} requests at once"
    else:
        window = _WINDOWS.get(limit.window_s, f"{limit.window_s} s")
        what = f"limit of {limit.amount} {limit.unit.value} {window}"
    return f"{_owner(kind)} {what}{_for_model(limit)} is reached; try again in {wait_s:.3g} s."


def explain_size(limit: Limit, kind: str, tokens: int) -> str:
    """The text of a 400 for a request that's too large by itself."""
    if limit.unit is Unit.CONTEXT_TOKENS:
        return (
            f"{_owner(kind)} limit is {limit.amount} tokens a prompt{_for_model(limit)}, and this prompt has about {tokens}; "
            "shorten it."
        )
    return f"{_owner(kind)} limit is {limit.amount} tokens an answer{_for_model(limit)}, and max_tokens is {tokens}."


def _owner(kind: str) -> str:
    return _OWNERS.get(kind, "A")


def _for_model(limit: Limit) -> str:
    return f" for model {limit.model!r}" if limit.model else ""
