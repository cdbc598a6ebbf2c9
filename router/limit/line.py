"""Who waits for one bucket: by priority, then by arrival."""

import asyncio
import bisect
import itertools
from collections.abc import Callable

from turnout.models.access import Unit
from turnout.router.limit.bucket import Bucket

MAX_WAITING = 1024
"""In one line; more are refused at once."""

Waiter = tuple[int, int, float, "asyncio.Future[None]"]
"""Priority, arrival, what is needed, and what ends the wait; the first two are the order, and no two are alike."""


class Line:
    """
    Owns a Bucket and its waiters, at most MAX_WAITING.

    Nobody overtakes: while somebody waits, others go through the line too. Whoever has taken something leaves in the end.

    Attributes:
        counts_tokens: whether a request needs its tokens of it, or one.
    """

    __slots__ = ("_inside", "_now", "_order", "_queued", "_timer", "_waiters", "bucket", "counts_tokens")

    def __init__(self, bucket: Bucket, now: Callable[[], float]) -> None:
        self.bucket = bucket
        self.counts_tokens = bucket.limit.unit is Unit.TOKENS
        self._now = now
        self._order: Callable[[], int] = itertools.count().__next__
        self._waiters: list[Waiter] = []
        self._queued = 0.0
        self._inside = 0
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Line {self.bucket!r} {len(self._waiters)} waiting>"

    def is_idle(self, now: float) -> bool:
        """Whether it can be forgotten without anybody noticing."""
        return not self._inside and not self._waiters and self.bucket.is_untouched(now)

    def keep(self) -> None:
        """Don't be forgotten until `let_go`: somebody will come who waits elsewhere first."""
        self._inside += 1

    def let_go(self) -> None:
        """End what `keep` began."""
        self._inside -= 1

    def try_take(self, need: float, now: float) -> bool:
        """Take `need` if it's there and nobody waits for it."""
        if self._waiters or not self.bucket.admits(need, now):
            return False
        self.bucket.take(need)
        self._inside += 1
        return True

    def wait_s(self, need: float, priority: int, now: float) -> float:
        """Seconds that somebody who comes now has to wait, as far as can be told."""
        return self.bucket.wait_s(need, self._ahead_of(priority), now)

    @property
    def is_full(self) -> bool:
        """Whether nobody else may wait."""
        return len(self._waiters) >= MAX_WAITING

    async def wait(self, need: float, priority: int, seconds: float) -> None:
        """
        Wait until `need` is taken.

        Raises:
            TimeoutError: it wasn't in time; nothing is taken.
        """
        loop = asyncio.get_running_loop()
        waiter: Waiter = (priority, self._order(), need, loop.create_future())
        bisect.insort(self._waiters, waiter)
        self._queued += need
        self.serve()
        timer = loop.call_later(seconds, self._expire, waiter)
        try:
            await waiter[3]
        except asyncio.CancelledError:
            self._withdraw(waiter)
            raise
        finally:
            timer.cancel()

    def leave(self, amount: float, now: float) -> None:
        """Put back what wasn't used (a seat, tokens; a negative amount is a debt), and let in who waits for it."""
        self._inside -= 1
        self.bucket.give_back(amount, now)
        if self._waiters:
            self.serve()

    def serve(self) -> None:
        """Let in whoever's turn it is."""
        now, bucket, waiters = self._now(), self.bucket, self._waiters
        while waiters and bucket.admits(waiters[0][2], now):
            _, _, need, turn = waiters.pop(0)
            self._queued -= need
            if not turn.done():
                bucket.take(need)
                self._inside += 1
                turn.set_result(None)
        if not waiters:
            self._queued = 0.0  # sums of floats drift
        self._set_timer(now)

    def _set_timer(self, now: float) -> None:
        """Come back when the first in line can have what it needs."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiters and self.bucket.refills and self.bucket.allowance > 0:
            delay_s = self.bucket.wait_s(self._waiters[0][2], 0.0, now)
            self._timer = asyncio.get_running_loop().call_later(delay_s, self.serve)

    def _ahead_of(self, priority: int) -> float:
        if not self._waiters or self._waiters[-1][0] <= priority:
            return self._queued
        return sum(need for other, _, need, _ in self._waiters if other <= priority)

    def _expire(self, waiter: Waiter) -> None:
        if not waiter[3].done():
            waiter[3].set_exception(TimeoutError())
            self._forget(waiter)

    def _withdraw(self, waiter: Waiter) -> None:
        """The one who waited is gone; what came in the same moment goes to the next."""
        turn = waiter[3]
        if not turn.done() or turn.cancelled():
            self._forget(waiter)
        elif turn.exception() is None:
            self.leave(waiter[2], self._now())

    def _forget(self, waiter: Waiter) -> None:
        place = bisect.bisect_left(self._waiters, waiter)
        if place < len(self._waiters) and self._waiters[place] is waiter:
            del self._waiters[place]
            self._queued -= waiter[2]
            self.serve()
