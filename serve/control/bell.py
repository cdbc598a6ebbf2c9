"""Wakes whoever waits for news that routers are told."""

import asyncio
from collections.abc import Callable


class Bell:
    """Rung by every part of Control after a change; on one event loop."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        """Wake all that wait now."""
        self._rung.set()
        self._rung = asyncio.Event()

    async def wait_until(self, is_so: Callable[[], bool], within_s: float) -> None:
        """Returns when `is_so`, looked at now and after each ring, or after `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                while not is_so():
                    await self._rung.wait()
        except TimeoutError:
            return
