"""What every store of answers promises, and what the file promises beyond that."""

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from turnout.router.cache.entry import Entry, find_entry, pack
from turnout.router.cache.epochs import EpochPage
from turnout.router.cache.stores.layered import LayeredStore
from turnout.router.cache.stores.memory import MemoryStore
from turnout.router.cache.stores.sqlite import SqliteStore
from turnout.router.cache.stores.store import CacheStore

MiB = 1024 * 1024


def entry(number: int, body: bytes = b"{}", cost_nusd: int | None = 5) -> Entry:
    return Entry(number.to_bytes(32, "big"), "t", body, 1000.0, 1010.0, 2000.0, 3, 4, cost_nusd, (7,), 0)


def open_file(path: Path, total_bytes: int = MiB) -> SqliteStore:
    return SqliteStore(path, total_bytes, itertools.count(1000.0).__next__, lambda: 1000.0)


@pytest.fixture(params=["memory", "sqlite", "layered"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[CacheStore]:
    made: Callable[[], CacheStore] = {
        "memory": lambda: MemoryStore(MiB),
        "sqlite": lambda: open_file(tmp_path / "answers.db"),
        "layered": lambda: LayeredStore(MemoryStore(MiB), open_file(tmp_path / "answers.db"), lambda entry: True),
    }[request.param]
    store = made()
    yield store
    await store.close()


async def test_what_was_put_is_found_and_what_was_not_is_none(store: CacheStore) -> None:
    store.put(entry(1))
    await store.settle()
    assert await store.find(entry(1).key) == entry(1)
    assert await store.find(entry(2).key) is None


async def test_a_later_answer_takes_the_place_of_the_one_before(store: CacheStore) -> None:
    store.put(entry(1))
    store.put(entry(1, b'{"new":1}'))
    await store.settle()
    found = await store.find(entry(1).key)
    assert found is not None
    assert found.body == b'{"new":1}'


async def test_what_was_dropped_is_gone(store: CacheStore) -> None:
    store.put(entry(1))
    store.drop(entry(1).key)
    store.drop(entry(2).key)
    await store.settle()
    assert await store.find(entry(1).key) is None


async def test_it_keeps_within_its_bound_and_what_saves_most_longest(store: CacheStore) -> None:
    dear = entry(1, b"x" * 10_000, cost_nusd=10**9)
    store.put(dear)
    for number in range(2, 300):
        store.put(entry(number, b"x" * 10_000))
    await store.settle()
    store.put(entry(300))
    await store.settle()
    assert await store.find(dear.key) == dear
    kept = [number for number in range(2, 300) if await store.find(entry(number).key) is not None]
    assert 0 < len(kept) < 150


def test_an_entry_with_one_byte_changed_cut_off_or_under_another_key_is_not_one() -> None:
    packed = pack(entry(1, b"hello"))
    assert find_entry(entry(1).key, packed) == entry(1, b"hello")
    assert find_entry(entry(2).key, packed) is None
    for at in range(len(packed)):
        assert find_entry(entry(1).key, packed[:at] + bytes([packed[at] ^ 1]) + packed[at + 1 :]) is None
        assert find_entry(entry(1).key, packed[:at]) is None


async def test_replicas_share_a_file_and_it_outlives_them(tmp_path: Path) -> None:
    one, other = open_file(tmp_path / "a.db"), open_file(tmp_path / "a.db")
    one.put(entry(1))
    await one.settle()
    assert await other.find(entry(1).key) == entry(1)
    await one.close()
    await other.close()
    again = open_file(tmp_path / "a.db")
    assert await again.find(entry(1).key) == entry(1)
    await again.close()


async def test_a_broken_file_is_a_miss_and_is_left_alone_for_a_while(tmp_path: Path) -> None:
    store = open_file(tmp_path / "a.db")
    store.put(entry(1))
    await store.settle()
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("drop table answers")
    assert await store.find(entry(1).key) is None
    store.put(entry(2))
    await store.close()


async def test_another_versions_file_is_begun_anew(tmp_path: Path) -> None:
    store = open_file(tmp_path / "a.db")
    store.put(entry(1))
    await store.close()
    with sqlite3.connect(tmp_path / "a.db") as other:
        other.execute("pragma user_version = 99")
    again = open_file(tmp_path / "a.db")
    assert await again.find(entry(1).key) is None
    await again.close()


async def test_of_two_layers_the_farther_is_asked_where_the_nearer_has_something_old(tmp_path: Path) -> None:
    near, far = MemoryStore(MiB), open_file(tmp_path / "a.db")
    layered = LayeredStore(near, far, lambda entry: entry.body != b"old")
    near.put(entry(1, b"old"))
    assert await layered.find(entry(1).key) == entry(1, b"old"), "for an outage, it's better than nothing"
    far.put(entry(1, b"new"))
    await far.settle()
    found = await layered.find(entry(1).key)
    assert found is not None
    assert found.body == b"new"
    await layered.close()


CHILD = """
import asyncio, sys
from pathlib import Path
from tests.contracts.test_cache_store import entry, open_file

async def main() -> None:
    store = open_file(Path(sys.argv[1]), 1 << 30)
    for number in range(1_000_000):
        store.put(entry(number, b"%d" % number * 200))
        if number % 50 == 49:
            await store.settle()
            print(number, flush=True)

asyncio.run(main())
"""


async def test_a_killed_writer_loses_nothing_that_was_committed_and_leaves_nothing_broken(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    for _ in range(3):
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        committed = [int(child.stdout.readline()) for _ in range(5)][-1]
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        store = open_file(path, 1 << 30)
        for number in range(committed + 1):
            assert await store.find(entry(number).key) == entry(number, b"%d" % number * 200)
        await store.close()
        with sqlite3.connect(path) as other:
            for key, packed in other.execute("select key, packed from answers"):
                assert find_entry(key, packed) is not None


def test_a_page_in_a_file_is_one_for_all_replicas_and_outlives_them(tmp_path: Path) -> None:
    one, other = EpochPage(tmp_path / "page"), EpochPage(tmp_path / "page")
    assert not one.is_known
    one.take({5: 100})
    assert (other.is_known, other.version) == (True, 100)
    assert other.is_void((5,), 99)
    assert not other.is_void((5,), 100)
    other.take({5: 50, 6: 70})
    assert one.version == 100, "an older word changes nothing"
    assert not one.is_void((5,), 100)
    one.close()
    other.close()
    again = EpochPage(tmp_path / "page")
    assert again.is_void((5,), 99)
    again.close()
