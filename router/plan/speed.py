"""How fast an endpoint has answered lately."""

import math

DECAY_S = 10.0
"""After so long, an observation counts for 1/e of what it did."""


class PeakEwma:
    """
    Owns one mean that jumps up with a slow answer and comes down over time.

    Source: the load metric of Finagle's Peak EWMA balancer (twitter.github.io/finagle/guide/ApertureLoadBalancers.html): quick to see that something
    is slow, cautious to believe that it's fast again.
    """

    __slots__ = ("_at", "_value")

    def __init__(self) -> None:
        self._value = 0.0
        self._at = 0.0

    def __repr__(self) -> str:
        return f"{self._value:.4g} at {self._at:.1f}"

    def note(self, value: float, now: float) -> None:
        """Take an observation in."""
        if value >= self._value:
            self._value = value
        else:
            kept = math.exp(-(now - self._at) / DECAY_S)
            self._value = self._value * kept + value * (1.0 - kept)
        self._at = now

    def read(self, now: float) -> float:
        """The mean by now: without new observations it falls, so that whoever was slow is asked again one day. 0 before the first."""
        return self._value * math.exp(-max(0.0, now - self._at - DECAY_S) / DECAY_S)


class Speed:
    """
    Owns the times to first token, and from token to token, of one endpoint.

    Attributes:
        is_known: whether anything has been observed.
    """

    __slots__ = ("_first_s", "_token_s", "is_known")

    def __init__(self) -> None:
        self._first_s = PeakEwma()
        self._token_s = PeakEwma()
        self.is_known = False

    def __repr__(self) -> str:
        return f"<Speed first {self._first_s!r}, token {self._token_s!r}>"

    def note_stream(self, first_s: float, rest_s: float, tokens: int, now: float) -> None:
        """Seconds to the first token of a stream, and from there to its end."""
        self.is_known = True
        self._first_s.note(first_s, now)
        if tokens > 1:
            self._token_s.note(rest_s / (tokens - 1), now)

    def note_whole(self, seconds: float, tokens: int, now: float) -> None:
        """Seconds for an answer that came in one piece: what isn't known for waiting was for its tokens."""
        self.is_known = True
        if tokens:
            self._token_s.note(max(0.0, seconds - self._first_s.read(now)) / tokens, now)

    def expect_s(self, tokens: int, now: float) -> float:
        """Seconds that an answer of so many tokens takes."""
        return self._first_s.read(now) + tokens * self._token_s.read(now)
