"""Reads the store beside the one that writes, so that no report holds up a row."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from turnout.models.errors import NoTarget

T = TypeVar("T")

MAX_READERS = 2
DEADLINE_S = 30.0
STEPS_BETWEEN_LOOKS = 100_000
"""Of SQLite's virtual machine, about a millisecond's worth."""


class Reader:
    """Opens connections that can't write, at most two at once; a query that takes longer than the deadline is ended."""

    def __init__(self, path: Path, deadline_s: float = DEADLINE_S) -> None:
        self._url = f"{path.resolve().as_uri()}?mode=ro"
        self._deadline_s = deadline_s
        self._free = asyncio.Semaphore(MAX_READERS)

    def __repr__(self) -> str:
        return f"Reader({self._url!r})"

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """
        What `work` returns, from one state of the store, on a thread.

        Raises:
            NoTarget: it took too long, or the store can't be read.
        """
        async with self._free:
            try:
                return await asyncio.to_thread(self._run, work)
            except sqlite3.Error as error:
                raise NoTarget(
                    f"the store can't be read, or it took over {self._deadline_s:g} s: ask for less time ({error})"
                ) from error

    def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        ends_at = time.monotonic() + self._deadline_s
        with contextlib.closing(sqlite3.connect(self._url, uri=True, isolation_level=None, timeout=5.0)) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > ends_at, STEPS_BETWEEN_LOOKS)
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("BEGIN")
            return work(connection)
