"""Work that outlives its client: ledger rows and audit events on their way to Control, and any later job that must not keep a caller waiting."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from typing import Protocol, TypeVar

from turnout.models.decision import Decision
from turnout.models.errors import TurnoutError
from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.router.spool.spool import Spool

MOST_DECISIONS = 10_000
"""Of those that wait; they are a sample, and the oldest goes first."""

Row = TypeVar("Row", LedgerEntry, AuditEvent, Decision)

_log = logging.getLogger("turnout.outbox")


class Post(Protocol):
    """Takes a batch and returns once it's safe. The link to Control is one."""

    async def post_journal(self, journal: Journal) -> None:
        """Raises TurnoutError if the batch may not have been kept; sending it again changes nothing."""
        ...


class Outbox:
    """
    Owns everything that is still to be written after its client has left; bounded, and emptied by `drain`.

    Rows are sent in batches, and kept until Control has committed them. When more than `capacity` wait because Control is away, the oldest are
    dropped and counted: the router goes on answering. Jobs run beside, at most `jobs` at once; more are refused. Once there's a spool, it has a
    copy of every row that waits.
    """

    def __init__(
        self,
        post: Post,
        capacity: int = 200_000,
        batch: int = 2000,
        period_s: float = 0.25,
        jobs: int = 256,
        *,
        router: str = "",
        note_safe: Callable[[Sequence[LedgerEntry]], None] | None = None,
    ) -> None:
        """
        Args:
            router: whose rows these are.
            note_safe: hears of rows that Control has, or will never take.
        """
        self._post = post
        self._capacity = capacity
        self._batch = batch
        self._period_s = period_s
        self._max_jobs = jobs
        self._router = router
        self._note_safe = note_safe
        self._entries: deque[LedgerEntry] = deque()
        self._events: deque[AuditEvent] = deque()
        self._decisions: deque[Decision] = deque(maxlen=MOST_DECISIONS)
        self._jobs: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._is_draining = False
        self._is_refused = False  # a full batch doesn't hurry then: it would be sent again with every new row
        self._sender: asyncio.Task[None] | None = None
        self._spool: Spool | None = None
        self.dropped = 0

    def __repr__(self) -> str:
        return f"<Outbox {self.waiting} rows waiting, {len(self._jobs)} jobs, {self.dropped} dropped>"

    @property
    def waiting(self) -> int:
        """Rows not yet safe."""
        return len(self._entries) + len(self._events) + len(self._decisions)

    def start(self) -> None:
        """Begin to send; call it on the event loop."""
        self._sender = asyncio.get_running_loop().create_task(self._send_for_ever())

    def copy_into(self, spool: Spool) -> None:
        """From now on every row that waits has a copy there, which ends when the row is safe; the caller closes it after `drain`."""
        for entry in self._entries:
            spool.put_entry(entry)
        for event in self._events:
            spool.put_event(event)
        self._spool = spool

    def put_entry(self, entry: LedgerEntry) -> None:
        """Queue a ledger row."""
        self._entries.append(entry)
        if self._spool is not None:
            self._spool.put_entry(entry)
        if len(self._entries) >= self._batch:
            if not self._is_refused:
                self._wake.set()
            if len(self._entries) > self._capacity:
                self._entries.popleft()
                self._note_dropped(1, 0)

    def put_event(self, event: AuditEvent) -> None:
        """Queue an audit event."""
        self._events.append(event)
        if self._spool is not None:
            self._spool.put_event(event)
        if len(self._events) > self._capacity:
            self._events.popleft()
            self._note_dropped(0, 1)

    def put_decision(self, decision: Decision) -> None:
        """Queue a decision; it isn't spooled."""
        self._decisions.append(decision)

    def try_run(self, job: Coroutine[None, None, None]) -> bool:
        """Run `job` beside the requests; False, and nothing run, when too many are running."""
        if len(self._jobs) >= self._max_jobs or self._is_draining:
            job.close()
            return False
        task = asyncio.get_running_loop().create_task(job)
        self._jobs.add(task)
        task.add_done_callback(self._finish_job)
        return True

    async def drain(self, timeout_s: float) -> int:
        """Send and finish everything within `timeout_s` seconds; returns how many rows are left unsent."""
        self._is_draining = True
        self._wake.set()
        pending = {*self._jobs, *([self._sender] if self._sender else [])}
        if pending:
            _, late = await asyncio.wait(pending, timeout=timeout_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        return self.waiting

    def _note_dropped(self, entries: int, events: int) -> None:
        self.dropped += entries + events
        if self._spool is not None:
            self._spool.forget(entries, events)

    def _finish_job(self, task: asyncio.Task[None]) -> None:
        self._jobs.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("a job of the outbox failed", exc_info=task.exception())

    async def _send_for_ever(self) -> None:
        """Every period, or as soon as a batch is full; ends when draining and empty."""
        pause_s = self._period_s
        while not (self._is_draining and not self.waiting):
            if not self._is_draining or pause_s > self._period_s:
                await self._sleep(pause_s)
            self._is_refused = not await self._send_batch()
            pause_s = min(pause_s * 2, 5.0) if self._is_refused else self._period_s

    async def _sleep(self, seconds: float) -> None:
        self._wake.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send_batch(self) -> bool:
        """Send what waits, batch by batch; False when Control couldn't take one."""
        while self.waiting:
            journal = Journal(
                tuple(islice(self._entries, self._batch)),
                tuple(islice(self._events, self._batch)),
                self._router,
                tuple(islice(self._decisions, self._batch)),
            )
            try:
                await self._post.post_journal(journal)
            except TurnoutError as error:
                if error.is_retryable:
                    _log.warning("Control didn't take %d rows, which are kept: %s", self.waiting, error)
                    return False
                dropped = len(journal.entries) + len(journal.events)
                self.dropped += dropped
                _log.error("Control will never take %d rows, which are dropped: %s", dropped, error)
            self._forget(journal)
        return True

    def _forget(self, journal: Journal) -> None:
        """Drop what is safe now; rows dropped for space meanwhile stood in front, so compare by identity."""
        if self._note_safe is not None:
            self._note_safe(journal.entries)
        _forget_first(self._decisions, journal.decisions)
        forgotten = [_forget_first(self._entries, journal.entries), _forget_first(self._events, journal.events)]
        if self._spool is not None:
            self._spool.forget(*forgotten)


def _forget_first(queue: deque[Row], safe: tuple[Row, ...]) -> int:
    """Take rows from the front, as far as they are still there; how many."""
    before = len(queue)
    for row in safe:
        if queue and queue[0] is row:
            queue.popleft()
    return before - len(queue)
