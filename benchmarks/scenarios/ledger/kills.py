"""Control is killed again and again while money is spent: what is in the ledger at the end, against what was booked."""

import asyncio
import random
import tempfile
from contextlib import ExitStack
from pathlib import Path

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.ports import free_port
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.benchmarks.scenarios.ledger.station import Station, open_stations, read_rows, read_spent, start_control
from turnout.models.access import Budget
from turnout.models.errors import TurnoutError

CALLERS = 32
LARGE, SMALL = 10**15, 10**9
BUDGETS = (Budget("large", LARGE, "total"), Budget("small", SMALL, "total"))


def measure_kills(setup: LedgerSetup) -> Findings:
    """`lost_settles_200_kills`: rows that are missing or differ; a budget that counts anything else than its rows, or is overspent, is one too."""
    with tempfile.TemporaryDirectory() as path:
        folder = Path(path)
        port = free_port()
        stations = asyncio.run(_spend_and_kill(folder, port, setup.amount.kills, setup.randomness))
        kept = read_rows(folder)
        booked = {request_id: cost for station in stations for request_id, cost in station.booked.items()}
        lost = [request_id for request_id, cost in booked.items() if kept.get(request_id) != cost]
        counts = {budget.id: read_spent(folder, budget.id) for budget in BUDGETS}
    total = sum(booked.values())
    wrong = int(counts["large"] != total) + int(counts["small"] > SMALL) + int(set(kept) != set(booked))
    remark = (
        f"{len(booked)} rows, {setup.amount.kills} kills; counted {counts['large']} of {total} nano-USD; "
        f"{counts['small'] / SMALL:.4f} of the small one used"
    )
    return Findings([Finding("lost_settles_200_kills", len(lost) + wrong, remark)], {"kills_counted": counts})


async def _spend_and_kill(folder: Path, port: int, kills: int, randomness: random.Random) -> list[Station]:
    async with open_stations(port, "a", "b") as stations:
        is_over = asyncio.Event()
        callers = [
            asyncio.ensure_future(_spend_until(is_over, stations[number % 2], random.Random(randomness.random())))
            for number in range(CALLERS)
        ]
        with ExitStack() as last:
            for _ in range(kills):
                with ExitStack() as stack:
                    await asyncio.to_thread(stack.enter_context, start_control(folder, BUDGETS, port))
                    await asyncio.sleep(randomness.uniform(0.1, 0.6))
            await asyncio.to_thread(last.enter_context, start_control(folder, BUDGETS, port))
            is_over.set()
            await asyncio.gather(*callers)
            await asyncio.gather(*(station.outbox.drain(60.0) for station in stations))
        return stations


async def _spend_until(is_over: asyncio.Event, station: Station, randomness: random.Random) -> None:
    while not is_over.is_set():
        budgets = ("large", "small") if randomness.random() < 0.5 else ("large",)
        cost_nusd = randomness.randint(1, 50_000)
        try:
            await station.spend(budgets, cost_nusd + randomness.randint(0, cost_nusd), cost_nusd, 0.001)
        except TurnoutError:
            await asyncio.sleep(0.02)
