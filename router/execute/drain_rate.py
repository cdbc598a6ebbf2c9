"""Foretells, from how fast a line's slots came free lately, how long a place in it takes and when somebody sent away should come back."""

import math
from collections import deque

WINDOW = 32
FOUNDED = 8
FORGET_S = 60.0
UNKNOWN_S = 1.0
LONGEST_S = 60.0


class DrainRate:
    """
    Owns what one line knows of its own speed; bounded by WINDOW.

    Only time in which somebody wanted a slot counts: a line that nobody waits in says nothing about how fast it could go. The mean is over the last
    WINDOW slots that came free then, and over the silence since the last of them, so that an upstream that hangs shows at once.
    """

    __slots__ = ("_freed_s", "_promised_at", "_seen_at", "_wanted_s", "_wanted_since")

    def __init__(self) -> None:
        self._wanted_s = 0.0
        self._wanted_since: float | None = None
        self._seen_at = 0.0
        self._promised_at = 0.0
        self._freed_s = deque([0.0], WINDOW + 1)  # readings of the clock that runs only while a slot is wanted

    @property
    def is_founded(self) -> bool:
        """Whether enough slots came free for the mean to be worth refusing somebody."""
        return len(self._freed_s) > FOUNDED

    def want(self, now: float) -> None:
        """Somebody wants a slot and none is free. What is older than FORGET_S was another time and is forgotten."""
        if self._wanted_since is not None:
            return
        if now - self._seen_at > FORGET_S:
            self._wanted_s = 0.0
            self._freed_s = deque([0.0], WINDOW + 1)
        self._wanted_since = now

    def free(self, now: float) -> None:
        """A slot came free that was wanted."""
        self._freed_s.append(self._read(now))

    def rest(self, now: float) -> None:
        """A slot is free and nobody wants it."""
        self._wanted_s = self._read(now)
        self._wanted_since = None
        self._seen_at = now

    def interval_s(self, now: float) -> float:
        """Mean seconds between two slots coming free; the time waited so far where none has."""
        return max(1e-6, (self._read(now) - self._freed_s[0]) / max(1, len(self._freed_s) - 1))

    def promise_s(self, places: float, room: int, now: float) -> float:
        """
        When somebody sent away should come back, in seconds: after so many slots came free, and a little more than one slot's time after the one sent
        away before.

        So a crowd that was sent away together comes back at the pace at which there is room, and not together.

        Args:
            places: slots that must come free first.
            room: how many the line and its slots hold. Chance fills a small one sooner, so those who come back to it are set further apart.
            now: the time.

        Source: virtual scheduling as in the generic cell rate algorithm (ITU-T I.371). LONGEST_S: nothing is foretold further, and openai-python
        (3.54) doesn't try again at all when told to wait for more than 120 s.
        """
        interval_s = self.interval_s(now)
        spacing_s = interval_s * (1 + 1 / math.sqrt(max(1, room)))
        wait_s = max(places * interval_s, self._promised_at - now + spacing_s)
        if not self.is_founded:
            wait_s = max(wait_s, UNKNOWN_S)
        wait_s = min(wait_s, LONGEST_S)
        self._promised_at = now + wait_s
        return wait_s

    def _read(self, now: float) -> float:
        return self._wanted_s + (0.0 if self._wanted_since is None else now - self._wanted_since)
