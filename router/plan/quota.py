"""What a provider still lets through at one endpoint, so that nothing is sent that it would refuse."""

import math

from turnout.models.openai.rate_limits import Allowance, Allowances

LONGEST_S = 60.0
"""An endpoint rests no longer than this for what its headers said: a misread one costs a refused request a minute, and not the endpoint."""

_LEARNING = 0.1


class Quota:
    """
    Owns what is left for one endpoint by its provider's last word, by what has begun since, and by how fast it fills up.

    Requests that begin count at once, since answers only tell at their end; a higher number is believed when nothing else runs there.
    """

    __slots__ = ("_mean_tokens", "_requests", "_tokens")

    def __init__(self) -> None:
        self._requests = _Gauge()
        self._tokens = _Gauge()
        self._mean_tokens = 1.0

    def __repr__(self) -> str:
        return f"<Quota requests={self._requests!r} tokens={self._tokens!r}>"

    def begin(self, now: float) -> None:
        """A request goes there."""
        self._requests.take(1.0, now)
        self._tokens.take(self._mean_tokens, now)

    def note(self, told: Allowances, told_at: float, now: float, tokens: int, *, is_alone: bool) -> None:
        """
        Hear what the provider said.

        Args:
            told_at: loop time of the answer's head.
            tokens: that the request used, or 0 if that isn't known.
            is_alone: nothing else runs there.
        """
        if tokens:
            self._mean_tokens += (tokens - self._mean_tokens) * (_LEARNING if self._mean_tokens > 1 else 1.0)
        if told.requests is not None:
            self._requests.note(told.requests, told_at, now, is_alone=is_alone)
        if told.tokens is not None:
            self._tokens.note(told.tokens, told_at, now, is_alone=is_alone)

    def ready_at(self, now: float) -> float:
        """Loop time from which on it lets a usual request through."""
        ready_at = max(self._requests.ready_at(1.0, now), self._tokens.ready_at(self._mean_tokens, now))
        return min(ready_at, now + LONGEST_S)


class _Gauge:
    """One limit as the provider tells it; no limit until it does."""

    __slots__ = ("_at", "_full_at", "_left", "_most", "_per_s")

    def __init__(self) -> None:
        self._left = math.inf
        self._most = math.inf
        self._per_s = 0.0
        self._full_at = 0.0
        self._at = 0.0

    def __repr__(self) -> str:
        return f"{self._left:g} of {self._most:g}"

    def take(self, count: float, now: float) -> None:
        self._left = self._left_at(now) - count

    def note(self, told: Allowance, told_at: float, now: float, *, is_alone: bool) -> None:
        known = self._left_at(now)
        self._full_at = told_at + (told.full_in_s or 0.0)
        if told.most is None:
            self._most, self._per_s = math.inf, 0.0
        else:
            self._most = told.most
            if told.full_in_s and told.most > told.left:
                self._per_s = (told.most - told.left) / told.full_in_s
        left = min(self._most, told.left + (now - told_at) * self._per_s)
        self._left = left if is_alone else min(left, known)

    def ready_at(self, need: float, now: float) -> float:
        missing = min(need, self._most) - self._left_at(now)
        if missing <= 0:
            return now
        return now + missing / self._per_s if self._per_s else self._full_at

    def _left_at(self, now: float) -> float:
        """What is left now; without a rate, nothing is known any more from the time at which all would be there again."""
        if self._per_s:
            self._left = min(self._most, self._left + (now - self._at) * self._per_s)
        elif now >= self._full_at:
            self._left = math.inf
        self._at = now
        return self._left
