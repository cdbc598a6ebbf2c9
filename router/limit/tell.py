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
_UNITS = ((Unit.REQUESTS, b"requests"), (Unit.TOKENS, b"tokens"))
_ROUNDING = 1e-6
OVER_SOFT = b"x-turnout-over-soft-limit"


def limit_headers(lines: Sequence[Line], now: float) -> Headers:
    """
    `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` of the rate that has least left, for each unit that has one.

    What remains is this router's view: its own part scaled up to the whole limit.

    Source: OpenAI's guide to rate limits, read 2026-11.
    """
    headers: list[tuple[bytes, bytes]] = []
    for unit, name in _UNITS:
        tightest, least = None, math.inf
        for line in lines:
            bucket = line.bucket
            if bucket.limit.unit is unit:
                share = bucket.left(now) / bucket.allowance if bucket.allowance else 0.0
                left = share * bucket.limit.amount
                if left < least:
                    tightest, least = bucket, left
        if tightest is not None:
            headers.append((b"x-ratelimit-limit-" + name, b"%d" % tightest.limit.amount))
            headers.append((b"x-ratelimit-remaining-" + name, b"%d" % max(0.0, least + _ROUNDING)))
            headers.append((b"x-ratelimit-reset-" + name, write_duration(tightest.full_in_s(now))))
    return headers


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
