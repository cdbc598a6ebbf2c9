"""Claims and answers of one router replica, in its memory."""

from collections import OrderedDict
from collections.abc import Callable

import msgspec

from turnout.router.idempotency.store import KeptAnswer, Verdict

_OVERHEAD_BYTES = 1024
"""Counted for each answer beside its body: head, hashes, Python's own."""


class Bounds(msgspec.Struct, frozen=True):
    """
    What may be kept.

    Attributes:
        keep_s: how long an answer is given again.
        answers: at most so many.
        total_bytes: of all answers together.
    """

    keep_s: float = 86_400.0
    answers: int = 10_000
    total_bytes: int = 64 * 1024 * 1024


class _Kept(msgspec.Struct, frozen=True):
    fingerprint: bytes
    answer: KeptAnswer
    until: float


class MemoryStore:
    """
    Owner of one replica's claims and answers.

    Claims are as many as requests in flight, which the edge bounds. Answers are bounded here: the oldest goes first, whether it has been asked for
    again or not, so that the order is also that of their ends.
    """

    def __init__(self, bounds: Bounds, now: Callable[[], float]) -> None:
        self._bounds = bounds
        self._now = now
        self._claimed: dict[bytes, bytes] = {}
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._claimed)} claims, {len(self._kept)} answers of {self._bytes} bytes>"

    async def claim(self, key: bytes, fingerprint: bytes) -> KeptAnswer | Verdict:
        """See `ClaimStore.claim`."""
        self._drop_old()
        kept = self._kept.get(key)
        owner = self._claimed.get(key) if kept is None else kept.fingerprint
        if owner is None:
            self._claimed[key] = fingerprint
            return Verdict.CLAIMED
        if owner != fingerprint:
            return Verdict.OTHER_REQUEST
        return Verdict.IN_FLIGHT if kept is None else kept.answer

    def keep(self, key: bytes, fingerprint: bytes, answer: KeptAnswer) -> None:
        """See `ClaimStore.keep`."""
        self.free(key)
        self._kept[key] = _Kept(fingerprint, answer, self._now() + self._bounds.keep_s)
        self._bytes += _size(answer)
        while len(self._kept) > self._bounds.answers or self._bytes > self._bounds.total_bytes:
            self._drop_oldest()

    def free(self, key: bytes) -> None:
        """See `ClaimStore.free`."""
        self._claimed.pop(key, None)

    def _drop_old(self) -> None:
        now = self._now()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, kept = self._kept.popitem(last=False)
        self._bytes -= _size(kept.answer)


def _size(answer: KeptAnswer) -> int:
    return len(answer.body) + _OVERHEAD_BYTES
