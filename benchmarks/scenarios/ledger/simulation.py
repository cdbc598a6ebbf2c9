"""A million requests with cancels, retries, lost answers and crashes, on the real purses, outboxes, spools, treasury and store, in one process."""

import asyncio
import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path

import uvloop

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.ledger.control_child import FixedBudgets, ignore
from turnout.benchmarks.scenarios.ledger.replica import Killed, Replica, Wire
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.benchmarks.scenarios.ledger.station import read_spent
from turnout.models.access import Budget
from turnout.models.errors import BudgetExceeded, TurnoutError
from turnout.models.ledger import LedgerEntry
from turnout.router.spool.sweep import Sweeper
from turnout.serve.control.money import books
from turnout.serve.control.money.treasury import Treasury
from turnout.serve.control.sqlite import SqliteStore
from turnout.serve.control.state_dir import STORE_FILE

CALLERS, REPLICAS = 256, 4
CANCELLED, RETRIED, SMALL = 0.03, 0.05, 0.4
MOST_NUSD = 50_000
CRASH_EVERY_S, CONTROL_EVERY_S, LOOK_EVERY_S = 0.5, 50.0, 1.0
AWAY_S = 1.5
HELD_S = 60.0
SMALL_NUSD = 10**9
LEDGER = "simulated"
BUDGETS = {
    **{f"large-{number}": Budget(f"large-{number}", 10**15, "total") for number in range(8)},
    **{f"small-{number}": Budget(f"small-{number}", SMALL_NUSD, "total") for number in range(8)},
}


def measure_simulation(setup: LedgerSetup) -> Findings:
    """`lost_settles_simulated`, `overspend_usd_simulated` and `held_over_60s_simulated`."""
    with tempfile.TemporaryDirectory(dir=setup.folder) as path:
        folder, began = Path(path), time.monotonic()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            world = runner.run(_run(folder, setup.amount.simulated, setup.randomness))
        kept = _read_costs(folder)
        spent = {budget: read_spent(folder, budget) for budget in BUDGETS}
    lost = sum(kept.get(attempt) != cost for attempt, cost in world.booked.items())
    wrong = len(kept.keys() - world.booked.keys()) + sum(spent[budget] != world.costs[budget] for budget in BUDGETS)
    over_nusd = max(world.most_over_nusd, *(nusd - BUDGETS[budget].amount_nusd for budget, nusd in spent.items()))
    counted = ", ".join(f"{number} {what}" for what, number in sorted(world.counts.items()))
    remark = f"{len(kept)} rows in {time.monotonic() - began:.0f} s; {counted}"
    return Findings(
        [
            Finding("lost_settles_simulated", lost + wrong, remark),
            Finding(
                "overspend_usd_simulated",
                max(0, over_nusd) / 1e9,
                f"spent and held, looked at every {LOOK_EVERY_S:g} s",
            ),
            Finding("held_over_60s_simulated", world.held_too_long, f"at the end {HELD_S:g} s were let pass"),
        ],
        {"simulated_counts": world.counts, "simulated_spent_nusd": spent},
    )


class World:
    """
    Owns the replicas, Control and what is known of them.

    Attributes:
        booked: cost of every attempt that was booked, by request id and attempt.
        costs: the same by budget.
        counts: what happened how often.
        most_over_nusd: by how much spent and held together were over a budget at worst; below 0 while they weren't.
        held_too_long: leases seen of a replica that had been dead for over `HELD_S`, and those left at the end.
    """

    def __init__(self, folder: Path, store: SqliteStore, requests: int, randomness: random.Random) -> None:
        self.random = randomness
        self.booked: dict[tuple[str, int], int] = {}
        self.costs: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.most_over_nusd = -SMALL_NUSD
        self.held_too_long = 0
        self._spools = folder / "spools"
        self._store = store
        self._left = requests
        self._skipped_s = 0.0
        self._died_at: dict[str, float] = {}
        self._replicas: list[Replica] = []
        self._wire = Wire(store, self._open_treasury(), randomness)
        self._sweeper = Sweeper(self._spools, LEDGER, self._wire)

    def now(self) -> float:
        """Control's clock, which can be put forward."""
        return time.monotonic() + self._skipped_s

    async def run(self) -> None:
        """All requests, with everything that may go wrong beside them, and then an orderly end."""
        for _ in range(REPLICAS):
            self._replicas.append(await self._start_replica())
        sweeping = asyncio.ensure_future(self._sweeper.run())
        troubles = [
            asyncio.ensure_future(self._repeat(every_s, step))
            for every_s, step in (
                (CRASH_EVERY_S, self._kill_replica),
                (CONTROL_EVERY_S, self._restart_control),
                (LOOK_EVERY_S, self._look),
            )
        ]
        try:
            await asyncio.gather(*(self._call(random.Random(self.random.random())) for _ in range(CALLERS)))
        finally:
            for task in troubles:
                task.cancel()
            await asyncio.gather(*troubles, return_exceptions=True)
            sweeping.cancel()
        self._wire.is_away = False
        await self._end()

    async def _call(self, randomness: random.Random) -> None:
        """One caller, request after request."""
        while self._left > 0:
            self._left -= 1
            self.counts["requests"] += 1
            request_id = f"req-{self.counts['requests']:010x}"
            attempts = 1 + (randomness.random() < RETRIED)
            self.counts["retries"] += attempts - 1
            for attempt in range(1, attempts + 1):
                await self._attempt(request_id, attempt, randomness)

    async def _attempt(self, request_id: str, attempt: int, randomness: random.Random) -> None:
        replica = randomness.choice(self._replicas)
        cost_nusd = randomness.randint(1, MOST_NUSD)
        bound_nusd = cost_nusd + randomness.randint(0, cost_nusd)
        entry = make_entry(request_id, attempt, choose_budgets(randomness), cost_nusd)
        takes_s = randomness.choice((0.0, 0.0, 0.0, randomness.uniform(0.0, 0.02)))
        trying = replica.attempt(entry, bound_nusd, takes_s, self._book)
        try:
            if randomness.random() < CANCELLED:
                await self._cancel(asyncio.ensure_future(trying), randomness.uniform(0.0, 0.01))
            else:
                await trying
        except Killed:
            self.counts["attempts cut by a crash"] += 1
        except BudgetExceeded:
            self.counts["refused"] += 1
        except TurnoutError:
            self.counts["turned away"] += 1
            await asyncio.sleep(0.02)

    async def _cancel(self, trying: "asyncio.Task[None]", after_s: float) -> None:
        await asyncio.wait([trying], timeout=after_s)
        if not trying.done():
            self.counts["cancelled"] += 1
            trying.cancel()
            await asyncio.wait([trying])
        if not trying.cancelled():
            trying.result()

    def _book(self, entry: LedgerEntry) -> None:
        cost_nusd = entry.cost_nusd or 0
        self.booked[entry.request_id, entry.attempt] = cost_nusd
        for budget in entry.budgets:
            self.costs[budget] += cost_nusd

    async def _start_replica(self) -> Replica:
        self.counts["replicas"] += 1
        return await Replica.start(f"router-{self.counts['replicas']}", self._wire, self._spools, LEDGER)

    async def _kill_replica(self) -> None:
        self.counts["crashes"] += 1
        at = self.random.randrange(REPLICAS)
        dead, self._replicas[at] = self._replicas[at], await self._start_replica()
        await dead.kill()
        self._died_at[dead.name] = self.now()

    async def _restart_control(self) -> None:
        """What it had in memory is gone, and for a moment so is its address; what it had committed stays."""
        self.counts["restarts of Control"] += 1
        self._wire.is_away = True
        await asyncio.sleep(self.random.uniform(0.0, AWAY_S))
        self._wire.treasury = self._open_treasury()
        self._wire.is_away = False

    def _open_treasury(self) -> Treasury:
        treasury = Treasury(
            self._store.committer,
            FixedBudgets(BUDGETS),
            lambda: [replica.name for replica in self._replicas],
            clock=self.now,
            wall_ns=time.time_ns,
            tell=ignore,
        )
        self._store.followers[:] = [treasury.follow]
        return treasury

    async def _look(self) -> None:
        """At the sums as they are committed; and reap, as Control does from time to time."""
        await self._wire.treasury.reap()
        for state in await self._wire.treasury.list_states(BUDGETS.values()):
            self.most_over_nusd = max(self.most_over_nusd, state.spent_nusd + state.held_nusd - state.terms.amount_nusd)
        holders = set(await self._store.committer.read(books.read_holders))
        self.held_too_long += sum(name in holders and at + HELD_S < self.now() for name, at in self._died_at.items())

    async def _repeat(self, every_s: float, step: Callable[[], Coroutine[None, None, None]]) -> None:
        while True:
            await asyncio.sleep(self.random.uniform(0.5, 1.5) * every_s)
            await step()

    async def _end(self) -> None:
        """Stop all replicas, sweep what the dead left, let the time pass in which leases end, and look once more."""
        self.counts["rows unsent"] = sum([await replica.stop() for replica in self._replicas])
        self._wire.is_reliable = True
        await self._sweeper.sweep()
        self._replicas.clear()
        await self._look()
        self._skipped_s = HELD_S
        await self._look()
        states = await self._wire.treasury.list_states(BUDGETS.values())
        self.held_too_long += sum(state.held_nusd > 0 for state in states)


def make_entry(request_id: str, attempt: int, budgets: tuple[str, ...], cost_nusd: int) -> LedgerEntry:
    """A row as any other."""
    return LedgerEntry(
        request_id, attempt, time.time_ns(), "t", "k", "m", "x", "e", 200, "", 20, 30, 0, 0, "provider", cost_nusd,
        900, 2_000, False, "", budgets,
    )  # fmt: skip


def choose_budgets(randomness: random.Random) -> tuple[str, ...]:
    """One that's never spent, and often one that will be."""
    large = f"large-{randomness.randrange(8)}"
    return (large, f"small-{randomness.randrange(8)}") if randomness.random() < SMALL else (large,)


async def _run(folder: Path, requests: int, randomness: random.Random) -> World:
    store = SqliteStore.open(folder / STORE_FILE)
    world = World(folder, store, requests, randomness)
    try:
        await world.run()
    finally:
        await store.close()
    return world


def _read_costs(folder: Path) -> dict[tuple[str, int], int]:
    with sqlite3.connect(folder / STORE_FILE) as connection:
        rows = connection.execute("SELECT request_id, attempt, cost_nusd FROM ledger")
        return {(request_id, attempt): cost_nusd for request_id, attempt, cost_nusd in rows}
