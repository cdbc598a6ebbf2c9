"""A target's circuit breaker: opens when too many attempts fail, lets probes through after a while, and comes back slowly."""

import math

from turnout.models.target import BreakerPolicy

CLOSED, HALF_OPEN, OPEN = "closed", "half_open", "open"
_BUCKETS = 10
_LEAST_SHARE = 0.1


class Breaker:
    """
    Owns the recent successes and failures of one target, and the state that follows from them; one per target and router replica.

    Every attempt says `begin` and later `end` with what `begin` gave: a count of states gone through, so that an attempt which began before the
    breaker opened says nothing about whether it may close.

    Attributes:
        opened: how often it has opened.
        full_at: loop time from which on its target gets its full share; inf while it isn't closed.
    """

    __slots__ = (
        "_bucket",
        "_buckets_per_s",
        "_era",
        "_failed",
        "_is_closed",
        "_ok",
        "_open_s",
        "_open_until",
        "_probes_ok",
        "_probing",
        "full_at",
        "opened",
        "policy",
    )

    def __init__(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self._buckets_per_s = _BUCKETS / policy.window_s
        self._ok = [0] * _BUCKETS
        self._failed = [0] * _BUCKETS
        self._bucket = 0
        self._era = 0
        self._is_closed = True
        self._open_s = policy.open_s
        self._open_until = 0.0
        self.full_at = 0.0
        self._probing = self._probes_ok = 0
        self.opened = 0

    def __repr__(self) -> str:
        return f"<Breaker {'closed' if self._is_closed else f'open until {self._open_until:.1f}'} opened={self.opened}>"

    def state(self, now: float) -> str:
        """CLOSED, HALF_OPEN or OPEN at `now` (loop time)."""
        if self._is_closed:
            return CLOSED
        return OPEN if now < self._open_until else HALF_OPEN

    def admits(self, now: float) -> bool:
        """Whether an attempt may begin: closed, or half open with a probe to spare."""
        return self._is_closed or (now >= self._open_until and self._probing < self.policy.probes)

    def share(self, now: float) -> float:
        """The share of requests that it should get, above 0 and at most 1: less right after it has closed."""
        if now >= self.full_at or not self._is_closed:
            return 1.0
        return max(_LEAST_SHARE, 1.0 - (self.full_at - now) / self.policy.slow_start_s)

    def admits_at(self, now: float) -> float:
        """Loop time from which on an attempt may begin, as far as can be told: while all probes are under way, as long as it was open."""
        if self.admits(now):
            return now
        return self._open_until if now < self._open_until else now + self._open_s

    def begin(self) -> int:
        """Note that an attempt begins; give the number back to `end`."""
        if not self._is_closed:
            self._probing += 1
        return self._era

    def end(self, era: int, is_ok: bool | None, now: float) -> None:
        """Note how an attempt went; None for one that says nothing about the target, such as one whose client left."""
        if era != self._era:
            return
        if self._is_closed:
            if is_ok is not None:
                self._count(is_ok, now)
            return
        self._probing -= 1
        if is_ok:
            self._probes_ok += 1
            if self._probes_ok >= self.policy.probes:
                self._close(now)
        elif is_ok is False:
            self._open_s = min(self._open_s * 2, self.policy.open_max_s)
            self._open(now)

    def _count(self, is_ok: bool, now: float) -> None:
        bucket = int(now * self._buckets_per_s)
        if bucket != self._bucket:
            self._turn_to(bucket)
        if is_ok:
            self._ok[bucket % _BUCKETS] += 1
            return
        self._failed[bucket % _BUCKETS] += 1
        failed = sum(self._failed)
        attempts = failed + sum(self._ok)
        if attempts >= self.policy.min_attempts and failed >= attempts * self.policy.failure_share:
            self._open(now)

    def _turn_to(self, bucket: int) -> None:
        """Forget what is older than the window."""
        for stale in range(self._bucket + 1, bucket + 1)[-_BUCKETS:]:
            self._ok[stale % _BUCKETS] = self._failed[stale % _BUCKETS] = 0
        self._bucket = bucket

    def _open(self, now: float) -> None:
        self._is_closed = False
        self.full_at = math.inf
        self._era += 1
        self._open_until = now + self._open_s
        self._probing = self._probes_ok = 0
        self.opened += 1

    def _close(self, now: float) -> None:
        self._is_closed = True
        self._era += 1
        self._open_s = self.policy.open_s
        self.full_at = now + self.policy.slow_start_s
        self._ok, self._failed = [0] * _BUCKETS, [0] * _BUCKETS
