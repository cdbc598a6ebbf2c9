"""One thread that owns a database connection, and commits whatever comes within a few milliseconds as one transaction."""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from turnout.models.errors import NoTarget
from turnout.serve.control.database import Connection, Session, WriterReplaced

Work = Callable[[Connection], Any]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Job:
    work: Work
    writes: bool
    result: "asyncio.Future[Any]"


class Committer:
    """
    Owner of the session; made and used on one event loop, which it never blocks.

    A commit waits for the disk, so its cost is shared: the first job of a batch waits `linger_s` for others. Each job has a savepoint of its
    own, so one that fails takes nothing with it. At most `capacity` jobs wait; more are refused. It ends by itself when the session says that
    another writes now.
    """

    def __init__(self, session: Session, linger_s: float = 0.002, capacity: int = 1000) -> None:
        self._session = session
        self._linger_s = linger_s
        self._jobs: queue.Queue[_Job | None] = queue.Queue(capacity)
        self._loop = asyncio.get_running_loop()
        self._is_closing = False
        self._thread = threading.Thread(target=self._run, name="turnout-committer", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"Committer(waiting={self._jobs.qsize()}, alive={self.is_alive})"

    @property
    def is_alive(self) -> bool:
        """Whether work is still being done."""
        return self._thread.is_alive() and not self._is_closing

    async def write(self, work: Work) -> Any:
        """
        What `work` returns, once it's on disk.

        Raises:
            NoTarget: there's too much waiting, the store is closing, or the database refused; nothing of `work` was kept.
        """
        return await self._submit(work, writes=True)

    async def read(self, work: Work) -> Any:
        """What `work` returns; it sees everything that was written before. Raises as `write` does."""
        return await self._submit(work, writes=False)

    async def close(self) -> None:
        """Finish what waits, then close the session."""
        if not self._is_closing:
            self._is_closing = True
            await asyncio.to_thread(self._jobs.put, None)
        await asyncio.to_thread(self._thread.join)

    async def _submit(self, work: Work, *, writes: bool) -> Any:
        if not self.is_alive:
            raise NoTarget("Control's store is closed; try again soon.")
        result: asyncio.Future[Any] = self._loop.create_future()
        try:
            self._jobs.put_nowait(_Job(work, writes, result))
        except queue.Full:
            raise NoTarget("Control has more to write than its disk takes; try again soon.", None, 1.0) from None
        try:
            return await result
        except (*self._session.refusals, WriterReplaced) as error:
            _log.error("the store refused", exc_info=error)
            raise NoTarget(f"Control's store refused: {type(error).__name__}.") from error

    def _run(self) -> None:
        is_open = True
        while is_open:
            jobs, is_open = self._take_batch()
            if jobs:
                try:
                    results = self._do_batch(jobs)
                except WriterReplaced as error:
                    results, is_open = [error] * len(jobs), False
                    self._call_soon(self._refuse_rest)
                self._call_soon(_tell, jobs, results)
        self._session.close()

    def _call_soon(self, call: Callable[..., None], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed, so nobody waits
            self._loop.call_soon_threadsafe(call, *arguments)

    def _refuse_rest(self) -> None:
        """On the loop, where jobs come from: so none can come after it."""
        self._is_closing = True
        with contextlib.suppress(queue.Empty):
            while True:
                job = self._jobs.get_nowait()
                if job is not None:
                    _tell([job], [WriterReplaced("the session has ended")])

    def _take_batch(self) -> tuple[list[_Job], bool]:
        """All that waits, at least one; False when nothing comes after it."""
        first = self._jobs.get()
        if first is None:
            return [], False
        batch = [first]
        if first.writes:
            time.sleep(self._linger_s)
        with contextlib.suppress(queue.Empty):
            while (job := self._jobs.get_nowait()) is not None:
                batch.append(job)
            return batch, False
        return batch, True

    def _do_batch(self, jobs: list[_Job]) -> list[Any]:
        """One result a job, in order; an exception is one too."""
        try:
            return self._session.transact(
                lambda connection: [_do(connection, job.work) for job in jobs],
                writes=any(job.writes for job in jobs),
            )
        except self._session.refusals as error:
            return [error] * len(jobs)


def _do(connection: Connection, work: Work) -> Any:
    connection.execute("SAVEPOINT job")
    try:
        result = work(connection)
    except Exception as error:  # noqa: BLE001  a batch loop: the error is the caller's, the others of the batch go on
        connection.execute("ROLLBACK TO job")
        result = error
    connection.execute("RELEASE job")
    return result


def _tell(jobs: list[_Job], results: list[Any]) -> None:
    for job, result in zip(jobs, results, strict=True):
        if job.result.done():  # its caller left
            continue
        if isinstance(result, BaseException):
            job.result.set_exception(result)
        else:
            job.result.set_result(result)
