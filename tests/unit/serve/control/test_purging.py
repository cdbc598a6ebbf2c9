"""Purges on the admin route: what routers are told, what is written down, what survives a reset."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from turnout.router.cache.epochs import EVERYTHING, slot_of
from turnout.serve.control.admin import Desk, make_admin_app
from turnout.serve.control.bell import Bell
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.sqlite import SqliteStore

NOW_NS = 17


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "control.sqlite")
    yield store
    await store.close()


async def send(store: SqliteStore, *bodies: dict[str, object]) -> tuple[SettingsBook, list[httpx.Response]]:
    book = await SettingsBook.open(store, lambda: NOW_NS, Bell())
    loop = asyncio.get_running_loop()
    app = make_admin_app(Desk(store, book, Roster(loop.time), loop.time, "0"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control") as client:
        return book, [await client.post("/admin/cache/purge", json=body) for body in bodies]


async def test_a_purge_is_kept_written_down_and_later_than_the_one_before(store: SqliteStore) -> None:
    book, (first, second) = await send(store, {"tags": ["doc-1"], "models": ["m"]}, {"everything": True})
    assert first.json()["purged"] == ["model m", "tag doc-1"]
    assert second.json()["purged"] == ["everything"]
    expected = {slot_of("tag", "doc-1"): NOW_NS, slot_of("model", "m"): NOW_NS, EVERYTHING: NOW_NS + 1}
    assert book.overlay.purges == expected
    assert (await store.get_overlay()).purges == expected, "a Control that is started again tells routers the same"
    rows = await store.list_events(0, 10)
    assert [row.event.action for row in rows] == ["cache.purge", "cache.purge"]
    assert "tag doc-1" in rows[0].event.detail


async def test_a_dry_run_says_what_and_changes_nothing(store: SqliteStore) -> None:
    book, (answer,) = await send(store, {"tenants": ["acme"], "dry_run": True})
    assert answer.json()["would_purge"] == ["tenant acme"]
    assert (book.overlay.version, await store.list_events(0, 10)) == (0, [])


async def test_a_purge_of_nothing_is_refused(store: SqliteStore) -> None:
    _, answers = await send(store, {}, {"tag": ["x"]})
    assert [answer.status_code for answer in answers] == [400, 400]


async def test_a_reset_of_admin_changes_brings_no_purged_answer_back(store: SqliteStore) -> None:
    book, _ = await send(store, {"tags": ["doc-1"]})
    assert (await book.reset()).purges == {slot_of("tag", "doc-1"): NOW_NS}
