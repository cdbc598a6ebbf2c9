"""
Control's money half, without a cluster, as a child that may be killed.

    python -m turnout.benchmarks.scenarios.ledger.control_child FOLDER PORT BUDGETS      prints "listening PORT"

BUDGETS is a JSON list of `Budget`s. What routers call is Control's own: listener, routes, treasury and store, with every commit on disk.
"""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import uvloop

from turnout.models.access import Budget
from turnout.serve.control.bell import Bell
from turnout.serve.control.internal import InternalRoutes
from turnout.serve.control.money.alerts import Passed
from turnout.serve.control.money.treasury import Treasury
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.sqlite import SqliteStore
from turnout.serve.control.state_dir import STORE_FILE
from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge
from turnout.serve.edge.secret import require_secret

SECRET = b"benchmark"


@dataclass(frozen=True, slots=True)
class FixedBudgets:
    """Definitions that never change."""

    budgets: Mapping[str, Budget]

    def find_budget(self, budget_id: str) -> Budget | None:
        """See `Definitions`."""
        return self.budgets.get(budget_id)

    def list_budgets(self) -> list[Budget]:
        """See `Definitions`."""
        return [*self.budgets.values()]


async def serve(folder: Path, port: int, budgets: Sequence[Budget]) -> None:
    """Answer until killed."""
    store = SqliteStore.open(folder / STORE_FILE)
    bell = Bell()
    book = await SettingsBook.open(store, time.time_ns, bell)
    roster = Roster(time.monotonic)
    definitions = FixedBudgets({budget.id: budget for budget in budgets})
    treasury = Treasury(store.committer, definitions, tuple, clock=time.monotonic, wall_ns=time.time_ns, tell=ignore)
    store.followers.append(treasury.follow)
    routes = InternalRoutes(store, book, roster, bell, treasury=treasury)
    async with Edge(require_secret(routes, SECRET), EdgeConfig("127.0.0.1", port)) as edge:
        print(f"listening {edge.port}", flush=True)
        await treasury.reap_for_ever()


def ignore(passed: Sequence[Passed]) -> None:
    """Alerts have nobody to go to here."""
    del passed


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[3], type=list[Budget])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(Path(sys.argv[1]), int(sys.argv[2]), given))
