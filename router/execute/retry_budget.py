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
        self._turn_to(int(now))
        self._requests[self._second % WINDOW_S] += 1

    def try_spend(self, share: float, floor: int, now: float) -> bool:
        """Count a retry, unless there are as many as `share` of the requests already, and `floor` of them."""
        self._turn_to(int(now))
        if sum(self._retries) >= max(floor, share * sum(self._requests)):
            return False
        self._retries[self._second % WINDOW_S] += 1
        return True

    def _turn_to(self, second: int) -> None:
        """Forget what is older than the window. A time that has been passed is now: requests tell when they came, some of them late."""
        if second <= self._second:
            return
        for stale in range(self._second + 1, second + 1)[-WINDOW_S:]:
            self._requests[stale % WINDOW_S] = self._retries[stale % WINDOW_S] = 0
        self._second = second
