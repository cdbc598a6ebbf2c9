"""Sums by whatever they're grouped by are the ledger's, folded or not."""

import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.stores import Place
from tests.unit.serve.control.reports.spending import (
    KEYS,
    START_HOUR,
    accepted,
    count,
    entry,
    random_entry,
    write_entries,
    write_keys,
)  # fmt: skip
from turnout.models.ledger import LedgerEntry
from turnout.serve.control.reports.ask import Ask, Filters
from turnout.serve.control.reports.fold import HOUR_NS, fold
from turnout.serve.control.reports.prices import record_prices
from turnout.serve.control.reports.reader import Reader
from turnout.serve.control.reports.report import Report, make_report
from turnout.serve.control.sql_store import SqlStore

GROUPS: dict[str, Callable[[LedgerEntry], list[Any]]] = {
    "": lambda e: [()],
    "org": lambda e: [(e.tenant,)],
    "team": lambda e: [(KEYS[e.key_id][1],)],
    "user": lambda e: [(KEYS[e.key_id][2],)],
    "key": lambda e: [(e.key_id,)],
    "model,target": lambda e: [(e.model, e.target)],
    "provider": lambda e: [("openai" if e.target == "far" else "local",)],
    "day,team": lambda e: [(days_of(e), KEYS[e.key_id][1])],
    "tag": lambda e: [
        (tag,) for tag in sorted({*e.tags.split(","), *(["own", "night"] if e.key_id == "k1" else [])} - {""}) or [""]
    ],
}


def days_of(entry: LedgerEntry) -> str:
    return datetime.fromtimestamp(entry.at_ns // 10**9, UTC).date().isoformat()


@pytest.fixture
async def store(place: Place) -> AsyncIterator[SqlStore]:
    opened = await place.open()
    yield opened
    await opened.close()


async def report(store: SqlStore, groups: str = "", hours: tuple[int, int] = (0, 10**6), **filters: str) -> Report:
    ask = Ask(*hours, tuple(groups.split(",")) if groups else (), Filters(**filters))
    return await Reader(store.database).read(lambda connection: make_report(connection, ask))


def record(store: SqlStore, **settings: Any) -> Any:
    return store.committer.write(lambda connection: record_prices(connection, accepted(**settings)))


@pytest.mark.parametrize("groups", GROUPS)
@pytest.mark.parametrize("folded", [0, 170, 400])
async def test_sums_are_those_of_a_plain_count(store: SqlStore, groups: str, folded: int) -> None:
    rng = random.Random(len(groups) * 1000 + folded)
    entries = [random_entry(rng, n) for n in range(400)]
    await write_keys(store)
    await record(store)
    await write_entries(store, entries)
    for _ in range(folded // 85):
        await store.committer.write(lambda connection: fold(connection, 85))
    made = await report(store, groups)
    expected = count(entries, GROUPS[groups])
    shown = {tuple(line.group.values()): line.amounts for line in made.lines} or {(): made.total}
    assert shown.keys() == expected.keys()
    for name, sums in expected.items():
        assert {field: getattr(shown[name], field) for field in sums} == sums
    (total,) = count(entries, GROUPS[""]).values()
    assert {field: getattr(made.total, field) for field in total} == total


async def test_an_unknown_price_is_counted_apart_and_never_costs_nothing(store: SqlStore) -> None:
    await write_entries(
        store,
        [
            entry(1, cost_nusd=None, model="dark"),
            entry(2, cost_nusd=None, usage_source="", model="unused", failure="timeout"),
            entry(3, cost_nusd=None, model="mixed"),
            entry(4, cost_nusd=7, model="mixed"),
        ],
    )
    lines = {line.group["model"]: line.amounts for line in (await report(store, "model")).lines}
    assert (lines["dark"].cost_nusd, lines["dark"].unpriced) == (None, 1)
    assert (lines["unused"].cost_nusd, lines["unused"].unpriced) == (0, 0)
    assert (lines["mixed"].cost_nusd, lines["mixed"].unpriced) == (7, 1)


async def test_hours_bound_a_report_and_the_last_is_not_in_it(store: SqlStore) -> None:
    await write_entries(store, [entry(n, at_ns=(START_HOUR + n) * HOUR_NS) for n in range(5)])
    await store.committer.write(lambda connection: fold(connection, 3))
    assert (await report(store, hours=(START_HOUR + 1, START_HOUR + 4))).total.attempts == 3


@pytest.mark.parametrize(
    ("filters", "attempts"),
    [
        ({"team": "red"}, 1),
        ({"user": "bob"}, 1),
        ({"org": "acme"}, 2),
        ({"key": "k3"}, 1),
        ({"model": "m", "team": "blue"}, 1),
        ({"key": "' OR 1"}, 0),
    ],
)
async def test_filters_choose_rows(store: SqlStore, filters: dict[str, str], attempts: int) -> None:
    await write_keys(store)
    await write_entries(store, [entry(n, key_id=key, tenant=KEYS[key][0]) for n, key in enumerate(KEYS)])
    assert (await report(store, **filters)).total.attempts == attempts


async def test_folding_twice_counts_once_and_late_rows_join_their_hour(store: SqlStore) -> None:
    await write_entries(store, [entry(n) for n in range(10)])
    assert await store.committer.write(fold) == 10
    assert await store.committer.write(fold) == 0
    await write_entries(store, [entry(n) for n in range(12)])
    assert await store.committer.write(fold) == 2
    assert (await report(store)).total.attempts == 12


async def test_gpu_time_is_shared_by_tokens_and_idle_time_stands_apart(store: SqlStore) -> None:
    await record(store, gpu_hour_usd=2.0, gpus=2)
    await write_times(store, START_HOUR, replica_ms=3_600_000, busy_ms=1_800_000)
    await write_entries(
        store,
        [
            entry(1, target="here", key_id="k1", input_tokens=100, output_tokens=0, cost_nusd=None),
            entry(
                2, target="here", key_id="k2", input_tokens=900, cache_read_tokens=800, output_tokens=50, cost_nusd=123
            ),
            entry(3, target="far", key_id="k2", cost_nusd=500),
        ],
    )
    made = await report(store, "key")
    lines = {line.group["key"]: line.amounts for line in made.lines}
    # An hour costs 4 USD; half of it was busy; the weights are 100 and 100 + 4 x 50.
    assert (lines["k1"].cost_nusd, lines["k1"].unpriced) == (500_000_000, 0)
    assert (lines["k2"].gpu_nusd, lines["k2"].charged_nusd) == (1_500_000_000, 623)
    assert lines["k2"].cost_nusd == 1_500_000_500
    (idle,) = made.idle
    assert (idle.pool, idle.replica_hours, idle.busy_hours) == ("p", 1.0, 0.5)
    assert (idle.gpu_nusd, idle.idle_nusd) == (4_000_000_000, 2_000_000_000)


@pytest.mark.parametrize("seed", range(20))
async def test_shares_and_idle_time_are_the_whole_cost_whatever_is_asked_for(store: SqlStore, seed: int) -> None:
    rng = random.Random(seed)
    await write_keys(store)
    await record(store, gpu_hour_usd=round(rng.random() * 100, 6), gpus=rng.randint(1, 8), at_ns=START_HOUR * HOUR_NS)
    await record(store, gpu_hour_usd=3.21, at_ns=(START_HOUR + 30) * HOUR_NS + 17 * 60 * 10**9)
    for hour in range(72):
        there = rng.randrange(1, 20) * 3_600_000
        await write_times(store, START_HOUR + hour, there, rng.randrange(2 * there))
    await write_entries(store, [random_entry(rng, n) for n in range(300)])
    await store.committer.write(lambda connection: fold(connection, 120))
    whole = await report(store)
    (idle,) = whole.idle
    assert whole.total.gpu_nusd + idle.idle_nusd == idle.gpu_nusd
    assert idle.idle_nusd >= 0
    for groups in ("key,model", "day", "target"):
        assert sum(line.amounts.gpu_nusd for line in (await report(store, groups)).lines) == whole.total.gpu_nusd
    of_keys = [await report(store, key=key) for key in KEYS]
    assert sum(each.total.gpu_nusd for each in of_keys) == whole.total.gpu_nusd
    assert all(each.idle == whole.idle for each in of_keys)


async def test_versions_in_force_are_named(store: SqlStore) -> None:
    for at, price in (
        (START_HOUR - 9, "1e-6"),
        (START_HOUR - 1, "2e-6"),
        (START_HOUR + 2, "3e-6"),
        (START_HOUR + 9, "4e-6"),
    ):
        await record(store, price=price, at_ns=at * HOUR_NS)
    made = await report(store, hours=(START_HOUR, START_HOUR + 5))
    assert [version.at_ns // HOUR_NS for version in made.prices] == [START_HOUR - 1, START_HOUR + 2]


async def write_times(store: SqlStore, hour: int, replica_ms: int, busy_ms: int) -> None:
    await store.committer.write(
        lambda connection: connection.execute(
            "INSERT INTO pool_minute VALUES (?, 'here', ?, ?)", (hour * 60, replica_ms, busy_ms)
        )
    )
