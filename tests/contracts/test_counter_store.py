"""What every store of counters promises: in memory, and in a real Redis where one runs on this machine."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable

import msgspec
import pytest

from turnout.models.errors import NoTarget
from turnout.router.idempotency.in_redis import RedisServer
from turnout.router.limit.share import FULL, NOTHING, Levels
from turnout.serve.control.bell import Bell
from turnout.serve.control.counters.exchange import KEEP_S, Agreement, Exchange
from turnout.serve.control.counters.in_memory import MemoryCounters
from turnout.serve.control.counters.in_redis import RedisCounters
from turnout.serve.control.counters.pot import Pot
from turnout.serve.control.counters.store import CounterStore
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control.shares import START_S, Shares

URL = os.environ.get("TURNOUT_TEST_REDIS", "redis://127.0.0.1:6379/0")
NO_NEWS = WatchAnswer(None, None, False)


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    server = RedisServer(URL)
    try:
        await server.call(b"PING")
    except NoTarget:
        pytest.skip(f"no Redis at {URL}")
    yield server
    await server.close()


@pytest.fixture
async def prefix(server: RedisServer) -> AsyncIterator[str]:
    prefix = f"turnout-test-{secrets.token_hex(8)}"
    yield prefix
    await server.call(b"DEL", f"{prefix}:limits".encode())


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> CounterStore:
    if request.param == "memory":
        return MemoryCounters(time.time, KEEP_S)
    return RedisCounters(request.getfixturevalue("server"), request.getfixturevalue("prefix"), KEEP_S)


async def test_what_was_written_is_read_as_it_was(store: CounterStore) -> None:
    found = await store.read()
    assert found.text is None
    assert await store.try_write(found.version, b"\x00\xff text")
    assert (await store.read()).text == b"\x00\xff text"


async def test_nothing_is_written_over_what_was_not_read(store: CounterStore) -> None:
    nothing = await store.read()
    assert await store.try_write(nothing.version, b"first")
    assert not await store.try_write(nothing.version, b"second")
    found = await store.read()
    assert found.text == b"first"
    assert await store.try_write(found.version, b"second")
    assert not await store.try_write(found.version, b"third")


async def test_of_many_writes_over_the_same_one_is_done(store: CounterStore) -> None:
    found = await store.read()
    written = await asyncio.gather(*(store.try_write(found.version, b"%d" % number) for number in range(30)))
    assert written.count(True) == 1
    assert (await store.read()).text == b"%d" % written.index(True)


async def test_its_clock_goes_on_with_ours(store: CounterStore) -> None:
    before, began = await store.read(), time.monotonic()
    await store.try_write(before.version, b"text")
    passed_s = (await store.read()).now_s - before.now_s
    assert 0 <= passed_s <= time.monotonic() - began + 0.1


async def test_a_text_in_redis_is_forgotten_and_its_version_does_not_come_again(
    server: RedisServer, prefix: str
) -> None:
    store, key = RedisCounters(server, prefix, KEEP_S), f"{prefix}:limits".encode()
    versions = list[bytes]()
    for _ in range(3):
        assert await store.try_write((await store.read()).version, b"text")
        assert KEEP_S * 1000 - 5000 < int(str(await server.call(b"PTTL", key))) <= KEEP_S * 1000
        versions.append((await store.read()).version)
        await server.call(b"DEL", key)
        assert not await store.try_write(versions[-1], b"late")
        assert (await store.read()).text is None
    assert len(set(versions)) == 3


async def test_a_server_that_is_away_is_said_to_be() -> None:
    server = RedisServer("redis://127.0.0.1:1/0", timeout_s=0.2)
    with pytest.raises(NoTarget, match="counters can't be reached"):
        await RedisCounters(server, "turnout", KEEP_S).read()
    await server.close()


async def test_two_controls_agree_by_it(store: CounterStore) -> None:
    open_since_long = Agreement(Pot(), None)
    assert await store.try_write((await store.read()).version, msgspec.msgpack.encode(open_since_long))
    ahead_s = 0.0
    controls = [Controlled(name, store, lambda: time.monotonic() + ahead_s) for name in ("here", "there")]
    ahead_s = START_S
    async with asyncio.timeout(5):
        while [control.share.part for control in controls] != [0.5, 0.5]:
            for control in controls:
                control.poll()
                await control.exchange.step()
                assert sum(control.share.part for control in controls) <= 1
    assert [(control.share.start, control.share.end) for control in controls] == [(0, 0.5), (0.5, 1)]


class Controlled:
    """A Control with one router, which takes what it's told."""

    def __init__(self, name: str, store: CounterStore, clock: Callable[[], float]) -> None:
        self.shares = Shares(clock, Bell(), has_whole=False)
        self.exchange = Exchange(name, store, self.shares, clock, keeps=True)
        self.share = NOTHING
        self.given_up: Levels | None = None

    def poll(self) -> None:
        report = RouterReport("r", "n", 0, "", None, "", 0, (), -1, self.share, self.given_up)
        told = self.shares.add_news(NO_NEWS, report).limit_share
        self.given_up = FULL if told is not None and told.part < self.share.part else None
        self.share = told or self.share
