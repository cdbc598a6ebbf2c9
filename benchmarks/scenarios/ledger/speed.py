"""How many attempts can be held and settled a second, until the last is on disk."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.benchmarks.scenarios.ledger.station import Station, open_stations, read_rows, read_spent, start_control
from turnout.models.access import Budget

CLIENTS = 64
MOST_WAITING = 20_000
"""Rows that aren't on disk yet; clients wait above that, so that nothing is measured but a steady state."""


def measure_speed(setup: LedgerSetup) -> Findings:
    """`hold_settle_per_second`: 64 clients of one router, each attempt held in a leased budget and its row committed with full fsync."""
    rates: list[float] = []
    for _ in range(setup.amount.speed_rounds):
        with tempfile.TemporaryDirectory(dir=setup.folder) as path:
            folder = Path(path)
            with start_control(folder, [Budget("b", 10**15, "total")]) as control:
                count, took_s = asyncio.run(_spend_all(control.port, setup.amount.speed_s))
            if len(read_rows(folder)) != count or read_spent(folder, "b") != count * 100:
                raise ValueError("rows are missing")
            rates.append(count / took_s)
    remark = f"median of {len(rates)}: {min(rates):.0f} to {max(rates):.0f}"
    return Findings([Finding("hold_settle_per_second", statistics.median(rates), remark)], {"speed": rates})


async def _spend_all(port: int, seconds: float) -> tuple[int, float]:
    async with open_stations(port, "a") as (station,):
        await station.spend(("b",), 200, 100)
        began = time.monotonic()
        await asyncio.gather(*(_spend_until(began + seconds, station) for _ in range(CLIENTS)))
        await station.outbox.drain(60.0)
        return len(station.booked), time.monotonic() - began


async def _spend_until(ends_at: float, station: Station) -> None:
    while time.monotonic() < ends_at:
        await station.spend(("b",), 200, 100, 0.005 if station.outbox.waiting > MOST_WAITING else 0.0)
