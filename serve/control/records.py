"""Everything of Control that proves and reports: started, shown and closed together."""

from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI

from turnout.serve.control.actor import Actors
from turnout.serve.control.proof.notary import Notary
from turnout.serve.control.proof.routes import AuditRoutes
from turnout.serve.control.reports.fleet import FleetRecord
from turnout.serve.control.reports.fold import Folding
from turnout.serve.control.reports.reader import Reader
from turnout.serve.control.reports.routes import SpendRoutes
from turnout.serve.control.roster import Roster
from turnout.serve.control.sql_store import SqlStore


class Records:
    """Owner of the notary, the folding and the fleet's record; each works in the background, off the path of rows."""

    def __init__(
        self, notary: Notary, folding: Folding, fleet: FleetRecord, audit: AuditRoutes, spend: SpendRoutes
    ) -> None:
        """`open` makes one."""
        self._notary = notary
        self._folding = folding
        self._fleet = fleet
        self._audit = audit
        self._spend = spend

    @classmethod
    async def open(
        cls, store: SqlStore, folder: Path, roster: Roster, actors: Actors, wall_ns: Callable[[], int]
    ) -> "Records":
        """
        Begin to work.

        Raises:
            ConfigError: the key of the audit log can't be used.
        """
        notary = await Notary.open(store.committer, folder, wall_ns)
        folding, fleet = Folding(store.committer), FleetRecord(store.committer, roster, wall_ns)
        await fleet.open()
        for part in (notary, folding, fleet):
            part.start()
        reader = Reader(store.database)
        return cls(notary, folding, fleet, AuditRoutes(reader, notary, folder), SpendRoutes(reader, actors, wall_ns))

    @property
    def is_running(self) -> bool:
        """Whether all of them work."""
        return all(part.is_running for part in (self._notary, self._folding, self._fleet))

    def add_to(self, app: FastAPI) -> None:
        """`/audit/*` and `/spend/*`."""
        self._audit.add_to(app)
        self._spend.add_to(app)

    async def close(self) -> None:
        """Write what isn't written, and sign the end; the store is closed after it."""
        await self._folding.close()
        await self._fleet.close()
        await self._notary.close()
