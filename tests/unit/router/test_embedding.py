"""Embeddings of requests: once a text, within a time, and bounded."""

import asyncio

import numpy as np
import pytest

from tests.fakes_embedding import FakeEmbedding
from turnout.router import embedding
from turnout.router.embedding import Embedded, Embeddings

VECTOR = Embedded(np.ones(2, dtype=np.float32), "e")


@pytest.fixture
def source() -> FakeEmbedding:
    fake = FakeEmbedding()
    fake.known = dict.fromkeys(("a", "b", "c"), VECTOR)
    return fake


async def test_a_text_is_embedded_once(source: FakeEmbedding) -> None:
    embeddings = Embeddings(source)
    assert await embeddings.find("m", "a", 1) is VECTOR
    assert await embeddings.find("m", "a", 0) is VECTOR
    assert source.asked == [("m", "a")]
    await embeddings.find("other", "a", 1)
    assert source.asked == [("m", "a"), ("other", "a")], "another model's vectors are others"


async def test_several_at_once_share_one_call_and_each_waits_as_long_as_it_likes(source: FakeEmbedding) -> None:
    source.gate.clear()
    embeddings = Embeddings(source)
    patient = asyncio.ensure_future(embeddings.find("m", "a", 10))
    assert await embeddings.find("m", "a", 0.001) is None
    source.gate.set()
    assert await patient is VECTOR
    assert source.asked == [("m", "a")]


async def test_what_came_too_late_is_there_for_the_next(source: FakeEmbedding) -> None:
    source.gate.clear()
    embeddings = Embeddings(source)
    assert await embeddings.find("m", "a", 0.001) is None
    source.gate.set()
    assert await embeddings.find("m", "a", 10) is VECTOR
    assert len(source.asked) == 1


async def test_a_client_that_leaves_ends_nobody_elses_embedding(source: FakeEmbedding) -> None:
    source.gate.clear()
    embeddings = Embeddings(source)
    leaving = asyncio.ensure_future(embeddings.find("m", "a", 10))
    staying = asyncio.ensure_future(embeddings.find("m", "a", 10))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    source.gate.set()
    assert await staying is VECTOR


async def test_failures_are_not_kept(source: FakeEmbedding) -> None:
    embeddings = Embeddings(source)
    assert await embeddings.find("m", "unknown", 1) is None
    source.known["unknown"] = VECTOR
    assert await embeddings.find("m", "unknown", 1) is VECTOR


async def test_the_oldest_is_forgotten_first(source: FakeEmbedding) -> None:
    embeddings = Embeddings(source, most_kept=2)
    for text in ("a", "b", "a", "c", "a", "b"):
        await embeddings.find("m", text, 1)
    assert [text for _, text in source.asked] == ["a", "b", "c", "b"]


async def test_no_more_than_so_many_are_under_way(source: FakeEmbedding) -> None:
    source.gate.clear()
    embeddings = Embeddings(source)
    for number in range(embedding.MOST_UNDER_WAY + 5):
        assert await embeddings.find("m", f"text {number}", 0) is None
    assert len(source.asked) <= embedding.MOST_UNDER_WAY
    await embeddings.close()
    assert repr(embeddings) == "<Embeddings 0 kept, 0 under way>"


@pytest.mark.parametrize("text", ["", " \n"])
async def test_nothing_is_not_embedded(source: FakeEmbedding, text: str) -> None:
    assert await Embeddings(source).find("m", text, 1) is None
    assert source.asked == []


async def test_only_the_beginning_of_a_long_text_is_sent(source: FakeEmbedding) -> None:
    await Embeddings(source).find("m", "x" * 100_000, 1)
    ((_, sent),) = source.asked
    assert len(sent) == embedding.MOST_CHARACTERS
