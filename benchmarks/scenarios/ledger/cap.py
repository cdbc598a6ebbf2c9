"""A thousand requests at once, at two routers, on a budget of one dollar that would have to be two and a half."""

import asyncio
import random
import tempfile
from pathlib import Path

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.benchmarks.scenarios.ledger.station import Station, open_stations, read_rows, read_spent, start_control
from turnout.models.access import Budget
from turnout.models.errors import BudgetExceeded, RateLimited

USD = 1_000_000_000
REQUESTS = 1000


def measure_cap(setup: LedgerSetup) -> Findings:
    """`overspend_usd_1000_concurrent_on_1usd` and `budget_used_when_demand_allows`: each round is a new Control and a new budget."""
    spent: list[float] = []
    refused: list[int] = []
    for _ in range(setup.amount.cap_rounds):
        with tempfile.TemporaryDirectory() as path:
            folder = Path(path)
            with start_control(folder, [Budget("b", USD, "total")]) as control:
                refused.append(asyncio.run(_ask_all(control.port, setup.randomness)))
            rows = sum(read_rows(folder).values())
            spent.append(max(rows, read_spent(folder, "b")) / USD)
    remark = f"{len(spent)} rounds; refused {min(refused)} to {max(refused)} of {REQUESTS}"
    return Findings(
        [
            Finding("overspend_usd_1000_concurrent_on_1usd", max(0.0, max(spent) - 1.0), remark),
            Finding("budget_used_when_demand_allows", min(spent), remark),
        ],
        {"cap_spent_usd": spent, "cap_refused": refused},
    )


async def _ask_all(port: int, randomness: random.Random) -> int:
    async with open_stations(port, "a", "b") as stations:
        answers = await asyncio.gather(
            *(_ask(stations[number % 2], random.Random(randomness.random())) for number in range(REQUESTS))
        )
    return answers.count(False)


async def _ask(station: Station, randomness: random.Random) -> bool:
    """One caller, who tries again when told to, as OpenAI's client does; whether it was answered."""
    cost_nusd = randomness.randint(USD // 1000, 4 * USD // 1000)
    bound_nusd = cost_nusd + randomness.randint(0, cost_nusd)
    while True:
        try:
            await station.spend(("b",), bound_nusd, cost_nusd, randomness.uniform(0.0, 0.5))
        except BudgetExceeded:
            return False
        except RateLimited:
            await asyncio.sleep(randomness.uniform(0.5, 1.0))
        else:
            return True
