"""Pages of the ledger are its rows, folded or not, whatever is asked for."""

import random
from functools import partial

import pytest

from tests.stores import Place
from tests.unit.serve.control.reports.spending import KEYS, START_HOUR, random_entry, write_entries, write_keys
from turnout.serve.control.reports.ask import Filters
from turnout.serve.control.reports.fold import HOUR_NS, fold
from turnout.serve.control.reports.logs import list_rows
from turnout.serve.control.reports.reader import Reader


@pytest.mark.parametrize("folded", [0, 100, 250, 300])
async def test_pages_follow_each_other_without_gap_or_repeat(place: Place, folded: int) -> None:
    rng = random.Random(folded)
    store = await place.open()
    entries = [random_entry(rng, n) for n in range(300)]
    await write_keys(store)
    await write_entries(store, entries)
    if folded:
        await store.committer.write(lambda connection: fold(connection, folded))
    reader = Reader(store.database)
    for filters, begin, end in (
        (Filters(), 0, 2**62),
        (Filters(team="red", model="m"), 0, 2**62),
        (Filters(key="k2"), (START_HOUR + 3) * HOUR_NS + 5, (START_HOUR + 40) * HOUR_NS - 7),
        (Filters(org="nobody"), 0, 2**62),
    ):
        seen, after = [], 0
        while page := await reader.read(
            partial(list_rows, filters=filters, begins_ns=begin, ends_ns=end, after=after, limit=7)
        ):
            seen += [row.entry for row in page]
            after = page[-1].seq
        assert seen == [
            entry
            for entry in entries
            if begin <= entry.at_ns < end
            and filters.key in ("", entry.key_id)
            and filters.org in ("", entry.tenant)
            and filters.model in ("", entry.model)
            and filters.team in ("", KEYS[entry.key_id][1])
        ]
    await store.close()
