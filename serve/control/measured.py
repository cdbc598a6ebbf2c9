"""A ledger around a ledger: it counts what is added, and how long it takes until that is on disk."""

from collections.abc import Callable

from turnout.models.errors import NoTarget
from turnout.models.ledger import Journal
from turnout.router.observe import Histogram
from turnout.serve.control.store import AuditRow, LedgerRow, LedgerStore

_COMMIT_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class MeasuredLedger:
    """
    A `LedgerStore`, and owner of the numbers of one.

    Attributes:
        rows: attempts that are on disk; one that a router sent again counts again.
        failures: journals that weren't taken; routers keep them and send them again.
        commit_s: from a journal's arrival until it's on disk, seconds.
    """

    def __init__(self, inner: LedgerStore, clock: Callable[[], float]) -> None:
        """
        Args:
            clock: monotonic seconds.
        """
        self._inner = inner
        self._clock = clock
        self.rows = 0
        self.failures = 0
        self.commit_s = Histogram(_COMMIT_S)

    def __repr__(self) -> str:
        return f"MeasuredLedger(rows={self.rows}, failures={self.failures})"

    async def append(self, journal: Journal) -> None:
        """See `LedgerStore`."""
        began_at = self._clock()
        try:
            await self._inner.append(journal)
        except NoTarget:
            self.failures += 1
            raise
        self.rows += len(journal.entries)
        self.commit_s.observe(self._clock() - began_at)

    async def list_entries(self, after: int, limit: int) -> list[LedgerRow]:
        """See `LedgerStore`."""
        return await self._inner.list_entries(after, limit)

    async def list_events(self, after: int, limit: int) -> list[AuditRow]:
        """See `LedgerStore`."""
        return await self._inner.list_events(after, limit)
