"""Batches grow while the model is busy, and nobody waits when it isn't."""

import asyncio

import pytest

from tests.fakes_embedding import FakeEmbedder
from turnout.models.embedding.coalescer import BatchLimits, Coalescer
from turnout.models.errors import NoTarget
from turnout.models.target import Load


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_text_is_a_batch_of_one():
    model = FakeEmbedder()
    async with Coalescer(model, BatchLimits()) as coalescer:
        (vector,) = await coalescer.embed([[7, 8]])
    assert vector.argmax() == 7
    assert model.batches == [1]


async def test_what_arrives_while_the_model_is_busy_is_the_next_batch():
    model = FakeEmbedder(is_held=True)
    async with Coalescer(model, BatchLimits(texts=4)) as coalescer:
        calls = [asyncio.create_task(coalescer.embed([[number]])) for number in range(1)]
        await settle()
        calls += [asyncio.create_task(coalescer.embed([[number]])) for number in range(1, 8)]
        await settle()
        assert coalescer.load() == Load(running=1, waiting=7, kv_used=0.0, prefill_tokens=7)
        model.release(3)
        answers = await asyncio.gather(*calls)
    assert model.batches == [1, 4, 3]
    assert [vectors[0].argmax() for vectors in answers] == list(range(8))


async def test_a_callers_many_texts_span_batches_and_keep_their_order():
    model = FakeEmbedder()
    async with Coalescer(model, BatchLimits(texts=4)) as coalescer:
        vectors = await coalescer.embed([[number] for number in range(10)])
    assert [vector.argmax() for vector in vectors] == list(range(10))
    assert model.batches == [4, 4, 2]


@pytest.mark.parametrize(
    ("lengths", "batches"),
    [
        ([10, 10, 10, 10], [2, 2]),
        ([2, 2, 10, 2, 2], [2, 2, 1]),
        ([30], [1]),
        ([30, 1], [1, 1]),
        ([1, 30], [1, 1]),
        ([1] * 20, [20]),
    ],
)
async def test_padding_is_counted_so_that_long_texts_make_small_batches(lengths, batches):
    model = FakeEmbedder(is_held=True)
    async with Coalescer(model, BatchLimits(padded_tokens=20)) as coalescer:
        call = asyncio.create_task(coalescer.embed([[5] * length for length in lengths]))
        model.release(len(batches))
        await call
    assert model.batches == batches


async def test_a_full_queue_refuses_and_says_when_to_come_back():
    model = FakeEmbedder(is_held=True)
    async with Coalescer(model, BatchLimits(texts=1, waiting=2)) as coalescer:
        running = asyncio.create_task(coalescer.embed([[1]]))
        await settle()
        waiting = asyncio.create_task(coalescer.embed([[2], [3]]))
        await settle()
        with pytest.raises(NoTarget) as caught:
            await coalescer.embed([[4]])
        assert caught.value.retry_after_s == 1.0
        model.release(3)
        await asyncio.gather(running, waiting)


async def test_a_cancelled_callers_texts_never_reach_the_model():
    model = FakeEmbedder(is_held=True)
    async with Coalescer(model, BatchLimits()) as coalescer:
        first = asyncio.create_task(coalescer.embed([[1]]))
        await settle()
        gone = asyncio.create_task(coalescer.embed([[2]] * 5))
        stays = asyncio.create_task(coalescer.embed([[3]]))
        await settle()
        gone.cancel()
        await settle()
        model.release(2)
        await asyncio.gather(first, stays)
    assert model.batches == [1, 1]


async def test_a_batch_that_fails_fails_its_callers_and_no_others():
    model = FakeEmbedder(fails_on=[13])
    async with Coalescer(model, BatchLimits(texts=1)) as coalescer:
        bad, good = await asyncio.gather(coalescer.embed([[13]]), coalescer.embed([[1]]), return_exceptions=True)
        assert coalescer.is_running
    assert isinstance(bad, RuntimeError)
    assert good[0].argmax() == 1


async def test_leaving_cancels_those_who_wait():
    model = FakeEmbedder(is_held=True)
    async with Coalescer(model, BatchLimits(texts=1)) as coalescer:
        calls = [asyncio.create_task(coalescer.embed([[number]])) for number in (1, 2)]
        await settle()
        model.release(1)
        await calls[0]
    assert not coalescer.is_running
    await asyncio.wait(calls)
    assert calls[1].cancelled()
    model.release(1)
