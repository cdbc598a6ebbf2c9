"""How fast the audit log is verified, and whether any change of it is missed."""

import asyncio
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.benchmarks.scenarios.ledger.tampering import ROWS, TAMPERS, Tamper, make_event, tamper_with
from turnout.models.ledger import Journal
from turnout.serve.control.proof.files import get_public_key
from turnout.serve.control.proof.notary import Notary
from turnout.serve.control.proof.verify import verify_folder
from turnout.serve.control.sqlite import SqliteStore
from turnout.serve.control.state_dir import STORE_FILE

LONG_ROWS = 300_000
ROWS_A_JOURNAL = 2000
ROUNDS_A_WAY = 10


def measure_audit(setup: LedgerSetup) -> Findings:
    """`audit_rows_verified_per_second` of a long log on one thread; `audit_tampering_found`, a share of random changes in every way there is."""
    with tempfile.TemporaryDirectory(dir=setup.folder) as path:
        long, short = Path(path) / "long", Path(path) / "short"
        long.mkdir()
        short.mkdir()
        asyncio.run(write_log(long, LONG_ROWS, ROWS_A_JOURNAL))
        asyncio.run(write_log(short, ROWS, 5))
        rates = [_time_verifying(long) for _ in range(setup.amount.speed_rounds)]
        missed = [
            tamper.__name__
            for tamper in TAMPERS
            for _ in range(ROUNDS_A_WAY)
            if not _is_found(short, tamper, setup.randomness)
        ]
    tried = len(TAMPERS) * ROUNDS_A_WAY
    speed = f"median of {len(rates)} times {LONG_ROWS} rows: {min(rates):.0f} to {max(rates):.0f}"
    return Findings(
        [
            Finding("audit_rows_verified_per_second", statistics.median(rates), speed),
            Finding(
                "audit_tampering_found",
                1 - len(missed) / tried,
                f"{tried} changes in {len(TAMPERS)} ways; missed: {missed or 'none'}",
            ),
        ],
        {"audit_rates": rates, "audit_missed": missed},
    )


async def write_log(folder: Path, rows: int, rows_a_journal: int) -> None:
    """A log in an empty folder as Control leaves it when it's stopped, with a checkpoint after every journal."""
    store = SqliteStore.open(folder / STORE_FILE, linger_s=0)
    notary = await Notary.open(store.committer, folder, time.time_ns)
    for first in range(0, rows, rows_a_journal):
        await store.append(Journal((), tuple(map(make_event, range(first, first + rows_a_journal)))))
        await notary.sign()
    await notary.close()
    await store.close()


def _time_verifying(folder: Path) -> float:
    began = time.perf_counter()
    verdict = verify_folder(folder, get_public_key(folder))
    took_s = time.perf_counter() - began
    if verdict.flaws or verdict.rows != LONG_ROWS:
        raise ValueError(f"a log that nobody touched isn't whole: {verdict}")
    return verdict.rows / took_s


def _is_found(whole: Path, tamper: Tamper, randomness: random.Random) -> bool:
    folder = whole.with_name("changed")
    shutil.copytree(whole, folder)
    try:
        tamper_with(folder, tamper, randomness)
        return bool(verify_folder(folder, get_public_key(folder)).flaws)
    finally:
        shutil.rmtree(folder)
