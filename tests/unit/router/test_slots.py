"""Who runs, who waits, and in which order; nothing is lost when a waiter leaves."""

import asyncio

import pytest

from tests.gateways import LOCAL
from turnout.models.errors import NoTarget, UpstreamTimeout
from turnout.router.catalogue import ModelRoute
from turnout.router.execute.slots import Slots


def route(running: int = 1, waiting: int = 10) -> ModelRoute:
    return ModelRoute("m", (LOCAL,), max_in_flight=running, max_waiting=waiting)


async def enter(slots: Slots, order: list[str], name: str, priority: int = 0, deadline_in_s: float = 60.0) -> None:
    async with slots.slot(route(), priority, asyncio.get_running_loop().time() + deadline_in_s):
        order.append(name)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_line_is_ordered_by_priority_then_deadline_then_arrival() -> None:
    slots, order = Slots(), list[str]()
    far = asyncio.get_running_loop().time() + 600
    async with slots.slot(route(), 0, far):
        waiters = [
            asyncio.create_task(enter(slots, order, "late", deadline_in_s=50)),
            asyncio.create_task(enter(slots, order, "soon", deadline_in_s=10)),
            asyncio.create_task(enter(slots, order, "low", priority=5, deadline_in_s=5)),
            asyncio.create_task(enter(slots, order, "high", priority=-1)),
        ]
        await settle()
        assert order == []
        assert slots.waiting() == {"m": 4}
    await asyncio.gather(*waiters)
    assert order == ["high", "soon", "late", "low"]


async def test_a_full_line_refuses_at_once() -> None:
    slots = Slots()
    far = asyncio.get_running_loop().time() + 600
    async with slots.slot(route(waiting=0), 0, far):
        with pytest.raises(NoTarget) as refused:
            async with slots.slot(route(waiting=0), 0, far):
                pass
    assert refused.value.retry_after_s == 1.0


async def test_a_deadline_ends_the_wait() -> None:
    slots = Slots()
    loop = asyncio.get_running_loop()
    async with slots.slot(route(), 0, loop.time() + 600):
        with pytest.raises(UpstreamTimeout):
            async with slots.slot(route(), 0, loop.time() + 0.01):
                pass
        assert slots.waiting() == {"m": 0}


async def test_a_waiter_that_leaves_in_the_moment_of_its_turn_passes_the_slot_on() -> None:
    slots, order = Slots(), list[str]()
    async with slots.slot(route(), 0, asyncio.get_running_loop().time() + 600):
        leaves = asyncio.create_task(enter(slots, order, "leaves"))
        await settle()
        stays = asyncio.create_task(enter(slots, order, "stays"))
        await settle()
    leaves.cancel()  # its turn was set when the block above ended, but it hasn't run yet
    await asyncio.gather(leaves, stays, return_exceptions=True)
    assert leaves.cancelled()
    assert order == ["stays"]
    async with slots.slot(route(), 0, asyncio.get_running_loop().time() + 1):
        order.append("free")
    assert order == ["stays", "free"]


async def test_a_waiter_that_leaves_early_is_forgotten() -> None:
    slots, order = Slots(), list[str]()
    async with slots.slot(route(), 0, asyncio.get_running_loop().time() + 600):
        task = asyncio.create_task(enter(slots, order, "gone"))
        await settle()
        task.cancel()
        await settle()
        assert slots.waiting() == {"m": 0}
    slots.keep_only(set())
    assert slots.waiting() == {}


async def test_a_raised_limit_lets_more_in_with_the_next_that_leaves() -> None:
    slots, order = Slots(), list[str]()
    far = asyncio.get_running_loop().time() + 600
    async with slots.slot(route(), 0, far):
        waiters = [asyncio.create_task(enter(slots, order, str(i))) for i in range(3)]
        await settle()
    async with slots.slot(route(running=5), 0, far):
        await asyncio.gather(*waiters)
    assert sorted(order) == ["0", "1", "2"]
