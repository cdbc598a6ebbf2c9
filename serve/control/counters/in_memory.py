"""The text of several Controls in one process: for tests, and for trials of several clusters without a server."""

from collections.abc import Callable

from turnout.serve.control.counters.store import Found


class MemoryCounters:
    """Owner of the text; a CounterStore."""

    def __init__(self, now: Callable[[], float], keep_s: float) -> None:
        """
        Args:
            now: seconds, by the clock that all go by.
            keep_s: how long after the last write it's forgotten.
        """
        self._now = now
        self._keep_s = keep_s
        self._version = 0
        self._text: bytes | None = None
        self._until = 0.0

    def __repr__(self) -> str:
        return f"<MemoryCounters version {self._version}>"

    def forget(self) -> None:
        """Be as a server is that restarted without what it had."""
        self._text = None

    async def read(self) -> Found:
        """See `CounterStore.read`."""
        return Found(b"%d" % self._version, self._text if self._now() < self._until else None, self._now())

    async def try_write(self, version: bytes, text: bytes) -> bool:
        """See `CounterStore.try_write`."""
        if version != b"%d" % self._version:
            return False
        self._version += 1
        self._text, self._until = text, self._now() + self._keep_s
        return True
