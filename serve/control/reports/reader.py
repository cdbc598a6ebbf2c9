"""Reads the store beside the one that writes, so that no report holds up a row."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from turnout.models.errors import NoTarget
from turnout.serve.control.database import Connection, Database

T = TypeVar("T")

MAX_READERS = 2
DEADLINE_S = 30.0


class Reader:
    """Opens connections that can't write, at most two at once; a query that takes longer than the deadline is ended."""

    def __init__(self, database: Database, deadline_s: float = DEADLINE_S) -> None:
        self.database = database
        self._deadline_s = deadline_s
        self._free = asyncio.Semaphore(MAX_READERS)

    def __repr__(self) -> str:
        return f"Reader({self.database!r})"

    async def read(self, work: Callable[[Connection], T]) -> T:
        """
        What `work` returns, from one state of the store, on a thread.

        Raises:
            NoTarget: it took too long, or the store can't be read.
        """
        async with self._free:
            try:
                return await asyncio.to_thread(self.database.read, work, self._deadline_s)
            except self.database.refusals as error:
                reason = str(error).partition("\n")[0]  # the rest of it may be the statement
                raise NoTarget(
                    f"the store can't be read, or it took over {self._deadline_s:g} s: ask for less time ({reason})"
                ) from error
