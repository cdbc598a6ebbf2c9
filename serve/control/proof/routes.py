"""`/audit/*`: the log, its checkpoints, and whether it's what was written."""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import FastAPI, Query

from turnout.serve.control.proof.checkpoint import PublicKey
from turnout.serve.control.proof.notary import SELECT_ROWS, Notary
from turnout.serve.control.proof.verify import Verdict, export_row, verify_store
from turnout.serve.control.reports.reader import Reader

After = Annotated[int, Query(ge=0, le=2**63 - 1)]
Limit = Annotated[int, Query(ge=1, le=1000)]
BREATH_S = 0.001
"""Rest between two pages of rows, so that verifying a long log doesn't keep Control from its work."""


@dataclass(frozen=True, slots=True)
class AuditRoutes:
    """Adds the routes to an app. Who may look is checked in front of it: owners and viewers of all."""

    reader: Reader
    notary: Notary
    folder: Path

    def add_to(self, app: FastAPI) -> None:
        """All of them."""
        verifying = asyncio.Lock()

        @app.get("/audit/events", tags=["audit"])
        async def list_events(after: After = 0, limit: Limit = 100) -> dict[str, Any]:
            """Rows with a greater `seq`, in order, as `turnout audit export` keeps them; `next_after` is null after the last."""
            rows = await self.reader.read(lambda connection: connection.execute(SELECT_ROWS, (after, limit)).fetchall())
            shown = [msgspec.structs.asdict(export_row(row)) for row in rows]
            return {"rows": shown, "next_after": rows[-1][0] if len(rows) == limit else None}

        @app.get("/audit/checkpoints", tags=["audit"])
        async def list_checkpoints(after: After = 0, limit: Limit = 1000) -> dict[str, Any]:
            """Signed lines with a greater number, in order, and the public key of their signatures."""
            rows = await self.reader.read(
                lambda connection: connection.execute(
                    "SELECT number, line FROM audit_checkpoint WHERE number > ? ORDER BY number LIMIT ?", (after, limit)
                ).fetchall()
            )
            return {
                "lines": [line for _, line in rows],
                "next_after": rows[-1][0] if len(rows) == limit else None,
                "public_key": self.notary.public_key,
            }

        @app.get("/audit/verify", tags=["audit"])
        async def verify() -> dict[str, Any]:
            """Verify the whole log now; `flaws` is empty if it's what was written, and names the first bad row if it isn't."""
            async with verifying:
                key = PublicKey(self.notary.public_key)
                verdict = await asyncio.to_thread(verify_store, self.reader.database, self.folder, key, (), _breathe)
            return {"is_whole": not verdict.flaws, **_show(verdict)}


def _show(verdict: Verdict) -> dict[str, Any]:
    shown: dict[str, Any] = msgspec.to_builtins(verdict)
    return shown


def _breathe(seconds: float) -> None:
    time.sleep(max(seconds, BREATH_S))
