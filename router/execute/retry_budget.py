"""Bounds how many retries there are for how many requests, so that a failing target isn't buried under them."""

WINDOW_S = 10


class RetryBudget:
    """
    Owns the counts of requests and of retries of the last 10 s, for one model of one router replica.

    The idea is Finagle's: retries are at most a share of the requests, so that a target that fails every request gets 1 + share times its load and
    not a multiple of it.
    """

    __slots__ = ("_requests", "_retries", "_second")

    def __init__(self) -> None:
        self._requests = [0] * WINDOW_S
        self._retries = [0] * WINDOW_S
        self._second = 0

    def __repr__(self) -> str:
        return f"<RetryBudget {sum(self._retries)} retries for {sum(self._requests)} requests>"

    def note_request(self, now: float) -> None:
        """Count a request; `now` is loop time."""
        second = int(now)
        if second != self._second:
            self._turn_to(second)
        self._requests[second % WINDOW_S] += 1

    def try_spend(self, share: float, floor: int, now: float) -> bool:
        """Count a retry, unless there are as many as `share` of the requests already, and `floor` of them."""
        second = int(now)
        if second != self._second:
            self._turn_to(second)
        if sum(self._retries) >= max(floor, share * sum(self._requests)):
            return False
        self._retries[second % WINDOW_S] += 1
        return True

    def _turn_to(self, second: int) -> None:
        for stale in range(self._second + 1, second + 1)[-WINDOW_S:]:
            self._requests[stale % WINDOW_S] = self._retries[stale % WINDOW_S] = 0
        self._second = second
