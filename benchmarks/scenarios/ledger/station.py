"""A router's money half without a gateway: purses, outbox and link, and the Control behind them."""

import asyncio
import itertools
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import msgspec

from turnout.benchmarks.load.children import Child, python_module, start_child
from turnout.benchmarks.scenarios.ledger.control_child import SECRET
from turnout.models.access import Budget
from turnout.models.http.upstream import HttpUpstream
from turnout.models.ledger import LedgerEntry
from turnout.models.target import Endpoint
from turnout.router.money.purses import Purses
from turnout.router.outbox import Outbox
from turnout.serve.control.client import ControlBank, ControlLink
from turnout.serve.control.state_dir import STORE_FILE
from turnout.serve.edge.secret import SECRET_HEADER

DEADLINE_S = 60.0


class Station:
    """
    Owns the money of one router, and remembers every row that it booked.

    Attributes:
        booked: cost of each row, by request id.
    """

    def __init__(self, name: str, link: ControlLink) -> None:
        self.name = name
        self.booked: dict[str, int] = {}
        self.purses = Purses(ControlBank(link, name), time.monotonic)
        self.outbox = Outbox(link, router=name, note_safe=self.purses.note_safe)
        self._next = itertools.count(1).__next__

    async def spend(self, budgets: tuple[str, ...], bound_nusd: int, cost_nusd: int, takes_s: float = 0.0) -> None:
        """One attempt: hold, work, book; as `Account` does it. Raises as `Purses.hold` does."""
        held = self.purses.try_hold(budgets, "m", bound_nusd)
        if held is None:
            held = await self.purses.hold(budgets, "m", bound_nusd, time.monotonic() + DEADLINE_S)
        await asyncio.sleep(takes_s)
        request_id = f"req-{self.name}-{self._next():010x}"
        self.booked[request_id] = cost_nusd
        self.outbox.put_entry(
            LedgerEntry(
                request_id, 1, time.time_ns(), "t", "k", "m", "x", "e", 200, "", 20, 30, 0, 0, "provider", cost_nusd,
                900, 2_000, False, "", held.ids,
            )
        )  # fmt: skip
        self.purses.settle(held, bound_nusd, cost_nusd)


@asynccontextmanager
async def open_stations(port: int, *names: str) -> AsyncIterator[list[Station]]:
    """Stations at the Control that listens there; at the end their rows have been sent, as far as that works within 30 s."""
    upstream = HttpUpstream()
    link = ControlLink(upstream)
    link.set_endpoint(Endpoint("control", "127.0.0.1", port, headers=((SECRET_HEADER, SECRET),)))
    stations = [Station(name, link) for name in names]
    filling = [asyncio.ensure_future(station.purses.run()) for station in stations]
    for station in stations:
        station.outbox.start()
    try:
        yield stations
        await asyncio.gather(*(station.outbox.drain(30.0) for station in stations))
    finally:
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)
        await upstream.close()


@contextmanager
def start_control(folder: Path, budgets: Sequence[Budget], port: int = 0) -> Iterator[Child]:
    """Control's money half as a child on this folder; killed with the block, as with `kill -9`."""
    text = msgspec.json.encode(budgets).decode()
    command = python_module("turnout.benchmarks.scenarios.ledger.control_child", str(folder), str(port), text)
    with start_child(command) as child:
        yield child


def read_rows(folder: Path) -> dict[str, int]:
    """What the ledger has: cost by request id."""
    with sqlite3.connect(folder / STORE_FILE) as connection:
        return dict(connection.execute("SELECT request_id, cost_nusd FROM ledger"))


def read_spent(folder: Path, budget: str) -> int:
    """What Control counts as spent of a budget, in nano-USD."""
    with sqlite3.connect(folder / STORE_FILE) as connection:
        query = "SELECT coalesce(sum(spent_nusd), 0) FROM budget_state WHERE budget = ?"
        return int(connection.execute(query, (budget,)).fetchone()[0])
