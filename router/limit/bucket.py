"""What is left of one limit: a token bucket that fills up again by itself, or seats that are given back."""

import math

from turnout.models.access import Limit

# A sum of floats may miss a whole number by so much of the amount; whoever has waited until there's enough must not find that there isn't.
_ROUNDING = 1e-9
_LEARNING = 0.1
KINDS = ("key", "user", "team", "org", "tier", "model", "global")


class Bucket:
    """
    Owns the count of one limit on this router; its Line changes it, and nobody else.

    A rate starts full and fills up evenly, to at most its allowance; so in any time t no more than `allowance * (1 + t / window_s)` is taken. What is
    left may be below 0: who used more than was thought leaves a debt that the next ones wait for, so that the mean holds all the same. Who needs more
    than the allowance gets it when the bucket is full, as a debt too.

    Attributes:
        limit: what is kept.
        allowance: this router's part of `limit.amount`; whole for seats.
        kind: whose it is, for metrics: one of KINDS, or `other`.
        refills: whether it fills up by itself.
    """

    __slots__ = ("_at", "_held_s", "_left", "_rate", "allowance", "kind", "limit", "refills")

    def __init__(self, limit: Limit, allowance: float, now: float, fullness: float = 1.0) -> None:
        self.limit = limit
        self.allowance = allowance
        self.kind = kind_of(limit)
        self.refills = limit.window_s > 0
        self._left = allowance * fullness if limit.window_s else allowance
        self._at = now
        self._rate = allowance / limit.window_s if limit.window_s else 0.0
        self._held_s = 0.0

    def __repr__(self) -> str:
        return f"<Bucket {self.limit.bucket} {self.limit.unit.value} {self._left:g} of {self.allowance:g} left>"

    def left(self, now: float) -> float:
        """What may be taken at `now`; below 0 for a debt."""
        if now > self._at:
            if self._left < self.allowance:
                self._left = min(self.allowance, self._left + (now - self._at) * self._rate)
            self._at = now
        return self._left

    def admits(self, need: float, now: float) -> bool:
        """Whether `need` may be taken now."""
        allowance = self.allowance
        return allowance > 0 and self.left(now) + allowance * _ROUNDING >= min(need, allowance)

    def take(self, need: float) -> None:
        """Take it, whether or not it's there."""
        self._left -= need

    def give_back(self, amount: float, now: float) -> None:
        """Put back what wasn't used; a negative amount is a debt."""
        self._left = min(self.allowance, self.left(now) + amount)

    def note_held(self, seconds: float) -> None:
        """Hear how long a seat was held, for how long the next ones may have to wait."""
        self._held_s += (seconds - self._held_s) * (_LEARNING if self._held_s else 1.0)

    def wait_s(self, need: float, ahead: float, now: float) -> float:
        """Seconds until `need` can be taken after `ahead` of others: exact for a rate, a guess by the mean for seats; inf without an allowance."""
        if self.allowance <= 0:
            return math.inf
        missing = min(need, self.allowance) + ahead - self.left(now)
        if missing <= 0:
            return 0.0
        if not self.refills:
            return missing * self._held_s / self.allowance
        return missing / self._rate

    def full_in_s(self, now: float) -> float:
        """Seconds until a rate is full again; a window where there's nothing that could fill."""
        return (self.allowance - self.left(now)) / self._rate if self._rate else float(self.limit.window_s)

    def is_untouched(self, now: float) -> bool:
        """Whether it's as if nobody had ever taken anything."""
        return self.left(now) >= self.allowance

    def set_limit(self, limit: Limit, allowance: float, now: float) -> None:
        """Take another amount; what has been used stays used."""
        self._left = self.left(now) + allowance - self.allowance
        self._set_allowance(limit, allowance)

    def shrink(self, allowance: float, now: float) -> None:
        """Give a part away, with what is left in it; seats that are taken stay taken until they are given back."""
        left = self.left(now)
        if self.refills:
            self._left = left * allowance / self.allowance if self.allowance else 0.0
        else:
            self._left = left + allowance - self.allowance
        self._set_allowance(self.limit, allowance)

    def grow(self, allowance: float, fullness: float, now: float) -> None:
        """Get a part, as full as it is; seats come free."""
        self._left = self.left(now) + (allowance - self.allowance) * (fullness if self.refills else 1.0)
        self._set_allowance(self.limit, allowance)

    def fullness(self, now: float) -> float:
        """1 for full, below 0 for a debt."""
        return self.left(now) / self.allowance if self.allowance else 0.0

    def _set_allowance(self, limit: Limit, allowance: float) -> None:
        self.limit = limit
        self.allowance = allowance
        self._rate = allowance / limit.window_s if limit.window_s else 0.0


def kind_of(limit: Limit) -> str:
    """Whose limit it is: one of KINDS, or `other`."""
    kind = limit.bucket.partition(":")[0]
    return kind if kind in KINDS else "other"
