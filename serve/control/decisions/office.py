"""Everything of Control that explains: kept decisions, their end, and what routers still remember."""

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query

from turnout.models.errors import NotFound, TurnoutError
from turnout.router.explain import KEPT
from turnout.serve.config.decisions import DecisionSettings
from turnout.serve.control.bell import Bell
from turnout.serve.control.committer import Committer
from turnout.serve.control.decisions.inquiries import Inquiries
from turnout.serve.control.decisions.lines import write_fields
from turnout.serve.control.decisions.rows import PAGE, find_decisions, list_decisions, prune
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook

PRUNE_S = 60.0
"""Between two looks for decisions that have become too old."""

_DAY_NS = 86_400_000_000_000
_log = logging.getLogger("turnout.decisions")

After = Annotated[int, Query(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=1000)]
RequestId = Annotated[str, Path(min_length=1, max_length=256)]


class DecisionOffice:
    """Owner of the pruning; it has to be started."""

    def __init__(
        self, committer: Committer, book: SettingsBook, roster: Roster, bell: Bell, wall_ns: Callable[[], int]
    ) -> None:
        self._committer = committer
        self._book = book
        self._wall_ns = wall_ns
        self._task: asyncio.Task[None] | None = None
        self.inquiries = Inquiries(roster, bell)

    def __repr__(self) -> str:
        return f"DecisionOffice({self.inquiries!r})"

    @property
    def is_running(self) -> bool:
        """Whether old decisions are pruned."""
        return self._task is not None and not self._task.done()

    def start(self, period_s: float = PRUNE_S) -> None:
        """Prune every `period_s` seconds, until `close`."""
        self._task = asyncio.get_running_loop().create_task(self._prune_for_ever(period_s), name="prune decisions")

    def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()

    def add_to(self, app: FastAPI) -> None:
        """`/admin/decisions*`. Who may look is checked in front of it."""

        @app.get("/admin/decisions")
        async def list_kept(after: After = 0, limit: Limit = 100) -> dict[str, Any]:
            """Kept decisions, in the order they were written; `next_after` is null after the last."""
            rows = await self._committer.read(lambda connection: list_decisions(connection, after, limit))
            return {
                "rows": [{"seq": row.seq, **write_fields(row.decision)} for row in rows],
                "next_after": rows[-1].seq if len(rows) == limit else None,
            }

        @app.get("/admin/decisions/{request_id}")
        async def explain(request_id: RequestId) -> dict[str, Any]:
            """Why each attempt of one request went where it did, and what came of it: from the router that remembers it, or the kept sample."""
            kept = await self._committer.read(lambda connection: find_decisions(connection, request_id))
            found = kept or await self.inquiries.ask(request_id)
            if not found:
                raise NotFound(self._tell_unknown(request_id))
            return {"decisions": [write_fields(decision) for decision in found]}

    async def prune(self) -> int:
        """Delete what is too old by the settings in force, a page of it; how many there were."""
        before_ns = self._wall_ns() - int(self._settings.keep_days * _DAY_NS)
        return int(await self._committer.write(lambda connection: prune(connection, before_ns)))

    @property
    def _settings(self) -> DecisionSettings:
        return DecisionSettings() if self._book.config is None else self._book.config.decisions

    async def _prune_for_ever(self, period_s: float) -> None:
        while True:
            is_behind = False
            try:
                is_behind = await self.prune() == PAGE
            except TurnoutError as error:
                _log.warning("old decisions weren't pruned, the next time will try again: %s", error)
            await asyncio.sleep(period_s / 100 if is_behind else period_s)

    def _tell_unknown(self, request_id: str) -> str:
        settings = self._settings
        return (
            f"no router knows request {request_id!r}: each remembers its last {KEPT:,} that reached a target, until it stops; "
            f"beside these, a share of {settings.share:g} is kept for {settings.keep_days:g} days (user_config.decisions)"
        )
