"""Opens a router's spool once it knows whose ledger its rows are for, and looks after what routers on this node left in theirs."""

import asyncio
import os
import tempfile
from pathlib import Path

from turnout.router.outbox import Outbox, Post
from turnout.router.spool.spool import Spool
from turnout.router.spool.sweep import Sweeper
from turnout.serve.config.spool import SpoolSettings


class Spooling:
    """
    Owner of the spool, and of the tasks that give it room and sweep. Without settings there's none.

    Attributes:
        ledger: id of Control's ledger, or "" before Control has said it. Files bear it, so that a cluster never gets another's rows.
    """

    def __init__(self, settings: SpoolSettings | None, router: str, outbox: Outbox, post: Post) -> None:
        """
        Args:
            router: whose rows the outbox has.
            post: where what others left is sent.
        """
        self._settings = settings
        self._router = router
        self._outbox = outbox
        self._post = post
        self._spool: Spool | None = None
        self._task: asyncio.Task[None] | None = None
        self.ledger = ""

    def __repr__(self) -> str:
        return f"Spooling({self.ledger!r}, {self._spool!r})"

    @property
    def is_running(self) -> bool:
        """Whether the spool gets room and others' are swept; there may be nothing to do yet."""
        return self._task is None or not self._task.done()

    def follow(self, ledger: str) -> None:
        """Hear which ledger Control has. Only the first is opened: a Control with another store is another cluster's as far as rows go."""
        self.ledger = ledger
        if self._settings is not None and self._task is None:
            folder = self._settings.folder or default_folder()
            spool = self._spool = Spool(folder, ledger, self._router, self._settings.max_bytes)
            sweeper = Sweeper(folder, ledger, self._post)
            self._task = asyncio.get_running_loop().create_task(self._run(spool, sweeper), name="spool rows")

    async def close(self) -> None:
        """Stop, after the outbox has drained; rows that it couldn't send are left to whoever sweeps."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._spool is not None:
            self._spool.close()

    async def _run(self, spool: Spool, sweeper: Sweeper) -> None:
        await spool.try_extend()
        self._outbox.copy_into(spool)
        async with asyncio.TaskGroup() as group:
            group.create_task(spool.run())
            group.create_task(sweeper.run())


def default_folder() -> Path:
    """In the system's temporary folder, one a user."""
    return Path(tempfile.gettempdir()) / f"turnout-spool-{os.geteuid()}"
