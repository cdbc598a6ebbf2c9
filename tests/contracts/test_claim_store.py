"""What every store of idempotency keys promises: in memory, and in a real Redis where one runs on this machine."""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator

import pytest

from turnout.models.errors import NoTarget
from turnout.router.idempotency.in_memory import Bounds, MemoryStore
from turnout.router.idempotency.in_redis import RedisServer, RedisStore
from turnout.router.idempotency.store import ClaimStore, KeptAnswer, Verdict

URL = os.environ.get("TURNOUT_TEST_REDIS", "redis://127.0.0.1:6379/0")
ANSWER = KeptAnswer(200, ((b"x-request-id", b"r-1"),), b"\x00\xff yes", is_stream=True)
FIRST, OTHER = b"f" * 32, b"o" * 32


@pytest.fixture
async def server() -> AsyncIterator[RedisServer]:
    server = RedisServer(URL)
    try:
        await server.call(b"PING")
    except NoTarget:
        pytest.skip(f"no Redis at {URL}")
    yield server
    await server.close()


@pytest.fixture(params=["memory", "redis"])
def store(request: pytest.FixtureRequest) -> ClaimStore:
    if request.param == "memory":
        return MemoryStore(Bounds(keep_s=2.0), time.monotonic)
    return RedisStore(request.getfixturevalue("server"), 2.0, secrets.token_bytes(8), time.monotonic)


async def settle(store: ClaimStore) -> None:
    if isinstance(store, RedisStore):
        await store.write()


def new_key() -> bytes:
    return secrets.token_bytes(32)


async def test_a_key_belongs_to_whoever_claims_it_first(store: ClaimStore) -> None:
    key = new_key()
    assert await store.claim(key, FIRST) is Verdict.CLAIMED
    assert await store.claim(key, FIRST) is Verdict.IN_FLIGHT
    assert await store.claim(key, OTHER) is Verdict.OTHER_REQUEST
    store.free(key)
    await settle(store)
    assert await store.claim(key, OTHER) is Verdict.CLAIMED
    store.free(key)
    await settle(store)


async def test_a_kept_answer_comes_back_whole_to_the_same_request_only(store: ClaimStore) -> None:
    key = new_key()
    await store.claim(key, FIRST)
    store.keep(key, FIRST, ANSWER)
    await settle(store)
    assert await store.claim(key, FIRST) == ANSWER
    assert await store.claim(key, OTHER) is Verdict.OTHER_REQUEST


async def test_freeing_what_is_not_claimed_changes_nothing(store: ClaimStore) -> None:
    key = new_key()
    await store.claim(key, FIRST)
    store.keep(key, FIRST, ANSWER)
    store.free(key)
    await settle(store)
    assert await store.claim(key, FIRST) == ANSWER


async def test_of_many_claims_at_once_one_wins(store: ClaimStore) -> None:
    key = new_key()
    verdicts = await asyncio.gather(*(store.claim(key, FIRST) for _ in range(50)))
    assert sorted(str(verdict) for verdict in verdicts).count(str(Verdict.CLAIMED)) == 1
    store.free(key)
    await settle(store)


async def test_routers_share_what_is_in_redis(server: RedisServer) -> None:
    ours, theirs = (RedisStore(server, 2.0, owner, time.monotonic) for owner in (b"a", b"b"))
    key = new_key()
    verdicts = await asyncio.gather(*(store.claim(key, FIRST) for store in (ours, theirs) for _ in range(20)))
    assert verdicts.count(Verdict.CLAIMED) == 1
    (owner,) = (store for store in (ours, theirs) if "1 claims" in repr(store))
    (other,) = {ours, theirs} - {owner}
    other.free(key)
    await other.write()
    assert await other.claim(key, FIRST) is Verdict.IN_FLIGHT
    owner.keep(key, FIRST, ANSWER)
    await owner.write()
    assert await other.claim(key, FIRST) == ANSWER


async def test_a_claim_of_a_router_that_died_ends_with_its_lease_and_a_living_one_is_renewed(
    server: RedisServer,
) -> None:
    now = [0.0]
    store = RedisStore(server, 2.0, b"a", lambda: now[0])
    key = new_key()
    await store.claim(key, FIRST)
    place = b"turnout:idempotency:" + key
    assert 0 < int(str(await server.call(b"PTTL", place))) <= 30_000
    await server.call(b"PEXPIRE", place, 5_000)
    running = asyncio.create_task(store.run())
    await asyncio.sleep(0)
    now[0] = 11.0
    other = new_key()
    await store.claim(other, FIRST)
    store.free(other)
    async with asyncio.timeout(5):
        while int(str(await server.call(b"PTTL", place))) <= 5_000:
            await asyncio.sleep(0.01)
    running.cancel()
    await server.call(b"DEL", place)
    assert await RedisStore(server, 2.0, b"b", time.monotonic).claim(key, FIRST) is Verdict.CLAIMED
    await server.call(b"DEL", place)


async def test_a_server_that_is_away_is_a_503_and_leaves_no_claim_behind() -> None:
    server = RedisServer("redis://127.0.0.1:1/0", timeout_s=0.2)
    store = RedisStore(server, 2.0, b"a", time.monotonic)
    with pytest.raises(NoTarget, match="send it again later"):
        await store.claim(new_key(), FIRST)
    await store.write()
    assert repr(store) == "<RedisStore 0 claims, 0 to be written>"
    await server.close()
