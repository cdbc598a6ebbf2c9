"""An event loop whose time jumps to the next timer instead of passing."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class JumpingLoop(asyncio.SelectorEventLoop):
    """Where a usual loop would sleep until its next timer, this one moves its own clock on; so hours take no time, and always the same course."""

    def __init__(self, at_s: float = 1000.0) -> None:
        self.at_s = at_s
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.at_s


class _JumpingSelector(selectors.SelectSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            ready = super().select(5)  # a thread may have something to say yet
            assert ready, "everything waits for ever"
            return ready
        self._loop.at_s += max(0.0, timeout)
        return super().select(0)


def run_jumping(main: Coroutine[object, object, T]) -> T:
    """Run `main` to its end on a loop of its own whose time jumps."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)
