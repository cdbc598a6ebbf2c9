"""What every store of Control promises."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest

from tests.stores import Place
from turnout.models.errors import BadRequest, NoTarget
from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.serve.config.overlay import Overlay
from turnout.serve.control.events import chain_hash, digest_event
from turnout.serve.control.sql_store import SqlStore
from turnout.serve.control.store import Accepted, ControlStore


def entry(request_id: str = "r1", attempt: int = 1, cost_nusd: int | None = 7) -> LedgerEntry:
    return LedgerEntry(
        request_id,
        attempt,
        1_700_000_000_000_000_000,
        "default",
        "alice",
        "small",
        "here",
        "replica-1",
        200,
        "",
        12,
        34,
        5,
        0,
        "provider",
        cost_nusd,
        900,
        20_000,
        True,
    )


def event(subject: str = "here", at_ns: int = 1) -> AuditEvent:
    return AuditEvent(at_ns, "admin", "target.change", subject, '{"drained": true}')


@pytest.fixture
async def store(place: Place) -> AsyncIterator[SqlStore]:
    opened = await place.open(linger_s=0.002)
    yield opened
    await opened.close()


async def test_rows_come_back_as_they_were_sent_in_order(store: ControlStore) -> None:
    entries = (entry("b"), entry("a"), entry("a", attempt=2, cost_nusd=None))
    await store.append(Journal(entries, (event("x"), event("y"))))
    rows = await store.list_entries(0, 10)
    assert tuple(row.entry for row in rows) == entries
    assert [row.seq for row in rows] == sorted(row.seq for row in rows)
    assert [row.event for row in await store.list_events(0, 10)] == [event("x"), event("y")]


async def test_a_journal_sent_twice_changes_nothing(store: ControlStore) -> None:
    journal = Journal((entry("a"), entry("b")), (event(),))
    await store.append(journal)
    await store.append(journal)
    await store.append(Journal((entry("a", cost_nusd=999),), ()))
    rows = await store.list_entries(0, 10)
    assert [(row.entry.request_id, row.entry.cost_nusd) for row in rows] == [("a", 7), ("b", 7)]
    assert len(await store.list_events(0, 10)) == 1


async def test_pages_follow_each_other_without_gap_or_repeat(store: ControlStore) -> None:
    await store.append(Journal(tuple(entry(f"r{n}") for n in range(7)), ()))
    seen, after = [], 0
    while page := await store.list_entries(after, 3):
        seen += [row.entry.request_id for row in page]
        after = page[-1].seq
    assert seen == [f"r{n}" for n in range(7)]


async def test_audit_rows_are_chained_so_that_a_change_shows(store: ControlStore) -> None:
    for n in range(3):
        await store.append(Journal((), (event(f"t{n}"),)))
    rows = await store.list_events(0, 10)
    assert rows[0].prev_hash == bytes(32)
    for before, row in pairwise(rows):
        assert row.prev_hash == chain_hash(before.prev_hash, digest_event(before.event))


async def test_the_overlay_and_its_audit_event_are_kept_together(store: ControlStore) -> None:
    assert await store.get_overlay() == Overlay()
    overlay = Overlay(4, {"here": 0.5}, frozenset({"there"}))
    await store.put_overlay(overlay, event())
    assert await store.get_overlay() == overlay
    assert [row.event for row in await store.list_events(0, 10)] == [event()]


async def test_the_accepted_settings_are_absent_until_there_are_some(store: ControlStore) -> None:
    assert await store.find_accepted() is None
    await store.put_accepted(Accepted("f1", 1, b"{}"), event())
    await store.put_accepted(Accepted("f2", 2, b"{1}"), event(at_ns=2))
    assert await store.find_accepted() == Accepted("f2", 2, b"{1}")


async def test_what_was_acknowledged_is_there_after_opening_again(place: Place) -> None:
    store = await place.open()
    await store.append(Journal((entry(),), ()))
    await store.put_overlay(Overlay(2, {}, frozenset({"here"})), event())
    await store.close()
    again = await place.open()
    assert [row.entry for row in await again.list_entries(0, 10)] == [entry()]
    assert (await again.get_overlay()).drained == {"here"}
    await again.close()


async def test_many_journals_at_once_are_all_kept(store: ControlStore) -> None:
    await asyncio.gather(*(store.append(Journal((entry(f"r{n}"),), (event(f"t{n}"),))) for n in range(200)))
    assert len(await store.list_entries(0, 1000)) == 200
    assert len(await store.list_events(0, 1000)) == 200


async def test_a_journal_that_cannot_be_kept_is_refused_whole_and_takes_no_other_with_it(store: ControlStore) -> None:
    bad = Journal((entry("good-part"), entry("bad", attempt=2**70)), ())
    results = await asyncio.gather(
        store.append(Journal((entry("other"),), ())), store.append(bad), return_exceptions=True
    )
    assert results[0] is None
    assert isinstance(results[1], BadRequest)
    assert [row.entry.request_id for row in await store.list_entries(0, 10)] == ["other"]


async def test_a_closed_store_refuses(place: Place) -> None:
    store = await place.open()
    await store.close()
    with pytest.raises(NoTarget):
        await store.append(Journal((entry(),), ()))
