"""What one replica remembers is bounded."""

import pytest

from tests.fakes import FakeClock
from turnout.router.idempotency.in_memory import Bounds, MemoryStore
from turnout.router.idempotency.store import KeptAnswer, Verdict


def key(number: int) -> bytes:
    return b"%032d" % number


async def fill(store: MemoryStore, count: int, body: bytes) -> None:
    for number in range(count):
        assert await store.claim(key(number), b"f") is Verdict.CLAIMED
        store.keep(key(number), b"f", KeptAnswer(200, (), body, is_stream=False))


@pytest.mark.parametrize("bounds", [Bounds(answers=10), Bounds(total_bytes=10 * 2048)])
async def test_the_oldest_answers_go_when_there_are_too_many_or_too_large(bounds: Bounds) -> None:
    store = MemoryStore(bounds, FakeClock().now)
    await fill(store, 100, bytes(1024))
    assert repr(store).startswith("<MemoryStore 0 claims, 10 answers")
    assert await store.claim(key(89), b"f") is Verdict.CLAIMED
    assert isinstance(await store.claim(key(90), b"f"), KeptAnswer)


async def test_an_answer_over_the_whole_bound_leaves_nothing_behind() -> None:
    store = MemoryStore(Bounds(total_bytes=1000), FakeClock().now)
    await fill(store, 1, b"x")
    assert repr(store) == "<MemoryStore 0 claims, 0 answers of 0 bytes>"


async def test_what_is_too_old_is_dropped_by_whoever_comes_next() -> None:
    clock = FakeClock()
    store = MemoryStore(Bounds(keep_s=10), clock.now)
    await fill(store, 5, b"x")
    clock.advance(10)
    assert await store.claim(key(99), b"f") is Verdict.CLAIMED
    assert repr(store) == "<MemoryStore 1 claims, 0 answers of 0 bytes>"
