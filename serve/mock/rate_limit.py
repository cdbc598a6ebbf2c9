"""A mock's limit on requests, told in OpenAI's headers and kept with 429s."""

import math
from asyncio import Future
from collections.abc import Callable

from turnout.models.exchange import Headers, Out


class Gate:
    """Owns one model's token bucket; it begins full and fills up evenly."""

    def __init__(self, per_minute: int, clock_ns: Callable[[], int]) -> None:
        self._per_minute = per_minute
        self._clock_ns = clock_ns
        self._left = float(per_minute)
        self._at_ns = clock_ns()

    def __repr__(self) -> str:
        return f"<Gate {self._left:g} of {self._per_minute}>"

    def try_enter(self) -> bool:
        """Count a request, if it may pass."""
        now = self._clock_ns()
        self._left = min(self._per_minute, self._left + (now - self._at_ns) * self._per_minute / 60e9)
        self._at_ns = now
        if self._left < 1 - 1e-6:
            return False
        self._left -= 1
        return True

    def headers(self) -> Headers:
        """How much is left, as OpenAI tells it."""
        full_in_s = (self._per_minute - self._left) * 60 / self._per_minute
        return (
            (b"x-ratelimit-limit-requests", b"%d" % self._per_minute),
            (b"x-ratelimit-remaining-requests", b"%d" % max(0.0, self._left)),
            (b"x-ratelimit-reset-requests", b"%.3fs" % full_in_s),
        )

    def retry_after_s(self) -> float:
        """Seconds until the next request may pass, in whole milliseconds."""
        return math.ceil(max(0.0, (1 - self._left) * 60_000 / self._per_minute)) / 1000


class GatedOut:
    """An Out whose answer's head says how much was left when its request came in."""

    def __init__(self, out: Out, gate: Gate) -> None:
        self._out = out
        self._told = gate.headers()

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        self._out.full(status, (*headers, *self._told), body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._out.start(status, (*headers, *self._told))

    def write(self, chunk: bytes) -> "Future[None] | None":
        """See `Out.write`."""
        return self._out.write(chunk)

    def end(self) -> None:
        """See `Out.end`."""
        self._out.end()

    def reset(self) -> None:
        """Break the connection off, where the Out inside can."""
        reset = getattr(self._out, "reset", None)
        if reset is not None:
            reset()
