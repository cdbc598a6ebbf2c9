"""What was acknowledged is there after `kill -9`, whichever database it's in, and nothing else stands in the way of the next Control."""

import asyncio
import random
import sys
from pathlib import Path

import pytest

from tests.stores import Place, PostgresPlace, SqlitePlace
from turnout.models.ledger import LedgerEntry

WRITE_UNTIL_KILLED = """
import asyncio, itertools, sys
from pathlib import Path
from tests.fakes import ledger_row
from tests.stores import PostgresPlace, SqlitePlace
from turnout.models.ledger import Journal

async def write(store, writer):
    for number in itertools.count():
        rows = tuple(ledger_row(f"{sys.argv[3]}-{writer}-{number}-{row}", 1) for row in range(3))
        await store.append(Journal(rows, ()))
        print(*(row.request_id for row in rows), flush=True)

async def main():
    place = PostgresPlace(sys.argv[2]) if sys.argv[1] == "postgres" else SqlitePlace(Path(sys.argv[2]))
    store = await place.open(linger_s=0.002)
    await asyncio.gather(*(write(store, writer) for writer in range(8)))

asyncio.run(main())
"""


async def write_and_kill(place: Place, number: int, lines: int) -> list[str]:
    """Ids of the rows that were acknowledged."""
    if isinstance(place, PostgresPlace):
        where = ("postgres", place.url)
    else:
        assert isinstance(place, SqlitePlace)
        where = ("sqlite", str(place.path))
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", WRITE_UNTIL_KILLED, *where, str(number),
        stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).resolve().parents[3],
    )  # fmt: skip
    assert child.stdout is not None
    try:
        told = [await child.stdout.readline() for _ in range(lines)]
    finally:
        child.kill()
    told += (await child.stdout.read()).splitlines(keepends=True)
    await child.wait()
    return [name for line in told if line.endswith(b"\n") for name in line.decode().split()]


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_killed_writer_loses_nothing_that_it_acknowledged(place: Place, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: list[str] = []
    for number in range(2):
        acknowledged += await write_and_kill(place, number, rng.randrange(20, 200))
    store = await place.open()
    kept: list[LedgerEntry] = []
    after = 0
    while page := await store.list_entries(after, 5000):
        kept += [row.entry for row in page]
        after = page[-1].seq
    await store.close()
    names = [entry.request_id for entry in kept]
    assert len(names) == len(set(names))
    assert set(acknowledged) <= set(names)
    # A journal is there whole or not at all.
    journals = [name.rpartition("-")[0] for name in names]
    assert all(journals.count(journal) == 3 for journal in set(journals))
