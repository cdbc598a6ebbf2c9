"""Counts how long each local pool had how many replicas, and how long they were busy, from what routers report."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable

from turnout.models.errors import TurnoutError
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection
from turnout.serve.control.report import RouterReport
from turnout.serve.control.roster import Roster

SAMPLE_S = 1.0
LONGEST_GAP_MS = 600_000
"""Time without a sample, because Control was away, counts like the sample after it, up to this long: replicas go on costing money."""

_UPSERT = (
    "INSERT INTO pool_minute (minute, target, replica_ms, busy_ms) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (minute, target) DO UPDATE SET "
    "replica_ms = pool_minute.replica_ms + excluded.replica_ms, busy_ms = pool_minute.busy_ms + excluded.busy_ms"
)
_log = logging.getLogger("turnout.spend")

Times = dict[tuple[int, str], tuple[int, int]]
"""Milliseconds of replicas there and of replicas busy, by minute since 1970 and target."""


class FleetRecord:
    """
    Owner of the times that aren't in the store yet: a minute's worth at most.

    A replica is taken for busy while there's a request for it: `min(replicas, requests in flight)`, seen once a second.
    """

    def __init__(self, committer: Committer, roster: Roster, wall_ns: Callable[[], int]) -> None:
        self._committer = committer
        self._roster = roster
        self._wall_ns = wall_ns
        self._times: Times = {}
        self._sampled_at_ms: int | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read how far the record has come."""
        row = await self._committer.read(
            lambda connection: connection.execute("SELECT max(minute) FROM pool_minute").fetchone()
        )
        self._sampled_at_ms = None if row[0] is None else (row[0] + 1) * 60_000

    @property
    def is_running(self) -> bool:
        """Whether the work goes on that `start` began."""
        return self._task is not None and not self._task.done()

    def start(self, period_s: float = SAMPLE_S) -> None:
        """Sample every `period_s` seconds and write every minute; `close` ends it."""
        self._task = asyncio.get_running_loop().create_task(self._sample_for_ever(period_s))

    async def close(self) -> None:
        """Write what there is."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self.write()

    def sample(self) -> bool:
        """Take in what routers report now; whether a minute has ended since the last time. Without a router nothing is known, so nothing is taken."""
        reports = [member.report for member in self._roster.live()]
        now_ms = self._wall_ns() // 1_000_000
        if not reports:
            return False
        since_ms = now_ms if self._sampled_at_ms is None else self._sampled_at_ms
        passed_ms = min(max(0, now_ms - since_ms), LONGEST_GAP_MS)
        self._sampled_at_ms = max(now_ms, since_ms)
        minute = now_ms // 60_000
        for target, (replicas, in_flight) in count_targets(reports).items():
            there, busy = self._times.get((minute, target), (0, 0))
            busy += min(replicas, in_flight) * passed_ms
            self._times[minute, target] = there + replicas * passed_ms, busy
        return since_ms // 60_000 < minute

    async def write(self) -> None:
        """Put the times into the store; what can't be written now is kept for the next time."""
        times, self._times = self._times, {}
        rows = [(*place, *amounts) for place, amounts in times.items()]
        if not rows:
            return
        try:
            await self._committer.write(lambda connection: _add(connection, rows))
        except TurnoutError as error:
            _log.warning("the times of replicas weren't written, the next time will try again: %s", error)
            for place, (there, busy) in times.items():
                more = self._times.get(place, (0, 0))
                self._times[place] = there + more[0], busy + more[1]

    async def _sample_for_ever(self, period_s: float) -> None:
        while True:
            if self.sample():
                await self.write()
            await asyncio.sleep(period_s)


def count_targets(reports: Iterable[RouterReport]) -> dict[str, tuple[int, int]]:
    """Replicas of each target, as the router sees it that sees most, and requests in flight at it from all routers."""
    counts: dict[str, tuple[int, int]] = {}
    for report in reports:
        for target in report.targets:
            replicas, in_flight = counts.get(target.name, (0, 0))
            counts[target.name] = max(replicas, target.endpoints), in_flight + target.in_flight
    return counts


def _add(connection: Connection, rows: list[tuple[int, str, int, int]]) -> None:
    connection.executemany(_UPSERT, rows)
