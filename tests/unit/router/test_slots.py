"""Who runs, who waits, in which order, and who is sent away; nothing is lost when a waiter leaves."""

import asyncio
import math

import pytest

from tests.fakes_loop import run_jumping
from turnout.models.errors import NoTarget, UpstreamTimeout
from turnout.models.target import Target
from turnout.router.catalogue import ModelRoute
from turnout.router.execute.fair_share import Claim
from turnout.router.execute.slots import Slots


def route(running: int = 1, waiting: int = 10) -> ModelRoute:
    return ModelRoute(
        "m", (Target("local", "up-m", "openai_compatible", pool="pool"),), max_in_flight=running, max_waiting=waiting
    )


async def enter(
    slots: Slots, order: list[str], name: str, priority: int = 0, deadline_in_s: float = 60.0, waiting: int = 10
) -> None:
    async with slots.slot(route(waiting=waiting), Claim(priority, asyncio.get_running_loop().time() + deadline_in_s)):
        order.append(name)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_the_line_is_ordered_by_priority_then_deadline_then_arrival() -> None:
    slots, order = Slots(), list[str]()
    far = asyncio.get_running_loop().time() + 600
    async with slots.slot(route(), Claim(0, far)):
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
    async with slots.slot(route(waiting=0), Claim(0, far)):
        with pytest.raises(NoTarget) as refused:
            async with slots.slot(route(waiting=0), Claim(0, far)):
                pass
    assert refused.value.retry_after_s == 1.0


async def test_a_deadline_ends_the_wait() -> None:
    slots = Slots()
    loop = asyncio.get_running_loop()
    async with slots.slot(route(), Claim(0, loop.time() + 600)):
        with pytest.raises(UpstreamTimeout):
            async with slots.slot(route(), Claim(0, loop.time() + 0.01)):
                pass
        assert slots.waiting() == {"m": 0}


async def test_a_waiter_that_leaves_in_the_moment_of_its_turn_passes_the_slot_on() -> None:
    slots, order = Slots(), list[str]()
    async with slots.slot(route(), Claim(0, asyncio.get_running_loop().time() + 600)):
        leaves = asyncio.create_task(enter(slots, order, "leaves"))
        await settle()
        stays = asyncio.create_task(enter(slots, order, "stays"))
        await settle()
    leaves.cancel()  # its turn was set when the block above ended, but it hasn't run yet
    await asyncio.gather(leaves, stays, return_exceptions=True)
    assert leaves.cancelled()
    assert order == ["stays"]
    async with slots.slot(route(), Claim(0, asyncio.get_running_loop().time() + 1)):
        order.append("free")
    assert order == ["stays", "free"]


async def test_a_waiter_that_leaves_early_is_forgotten() -> None:
    slots, order = Slots(), list[str]()
    async with slots.slot(route(), Claim(0, asyncio.get_running_loop().time() + 600)):
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
    async with slots.slot(route(), Claim(0, far)):
        waiters = [asyncio.create_task(enter(slots, order, str(i))) for i in range(3)]
        await settle()
    async with slots.slot(route(running=5), Claim(0, far)):
        await asyncio.gather(*waiters)
    assert sorted(order) == ["0", "1", "2"]


async def test_a_better_priority_takes_the_place_of_the_worst_waiter() -> None:
    slots, order = Slots(), list[str]()
    far = asyncio.get_running_loop().time() + 600
    async with slots.slot(route(), Claim(0, far)):
        waiters = [
            asyncio.create_task(enter(slots, order, "low, but soon", priority=5, deadline_in_s=10, waiting=3)),
            asyncio.create_task(enter(slots, order, "low", priority=5, deadline_in_s=50, waiting=3)),
            asyncio.create_task(enter(slots, order, "middle", priority=3, waiting=3)),
        ]
        await settle()
        waiters.append(asyncio.create_task(enter(slots, order, "high", priority=0, waiting=3)))
        await settle()
        with pytest.raises(NoTarget) as shed:
            await waiters[1]
        assert shed.value.retry_after_s is not None
        with pytest.raises(NoTarget):
            await enter(slots, order, "as low as the worst", priority=5, deadline_in_s=1, waiting=3)
        assert slots.waiting() == {"m": 3}
    await asyncio.gather(*waiters, return_exceptions=True)
    assert order == ["high", "middle", "low, but soon"]
    assert slots.refused == {"full": 1, "shed": 1, "hopeless": 0}


async def test_nobody_is_shed_for_the_place_of_one_that_is_leaving() -> None:
    slots, order = Slots(), list[str]()
    async with slots.slot(route(), Claim(0, asyncio.get_running_loop().time() + 600)):
        leaves = asyncio.create_task(enter(slots, order, "leaves", priority=5, waiting=1))
        await settle()
        comes = asyncio.create_task(enter(slots, order, "comes", waiting=1))
        leaves.cancel()  # it cleans up after the other's first step
        await settle()
        assert slots.waiting() == {"m": 1}
    await asyncio.gather(leaves, comes, return_exceptions=True)
    assert (leaves.cancelled(), order, slots.refused["shed"]) == (True, ["comes"], 0)


async def test_a_waiter_that_leaves_in_the_moment_it_is_shed_gives_nothing_back() -> None:
    slots, order = Slots(), list[str]()
    async with slots.slot(route(), Claim(0, asyncio.get_running_loop().time() + 600)):
        leaves = asyncio.create_task(enter(slots, order, "leaves", priority=5, waiting=1))
        await settle()
        comes = asyncio.create_task(enter(slots, order, "comes", waiting=1))
        await asyncio.sleep(0)  # the place is taken, and the one who had it hasn't run since
        leaves.cancel()
        await settle()
        assert order == []
    await asyncio.gather(leaves, comes, return_exceptions=True)
    assert (leaves.cancelled(), order) == (True, ["comes"])


async def drain(slots: Slots, turns: int) -> None:
    """Let so many pass one after the other, each for a second, with somebody always waiting."""

    async def stay() -> None:
        async with slots.slot(route(waiting=100), Claim(0, asyncio.get_running_loop().time() + 600)):
            await asyncio.sleep(1)

    await asyncio.gather(*(stay() for _ in range(turns)))


def test_a_turn_that_would_come_after_the_deadline_is_refused_at_once_when_the_pace_is_known() -> None:
    async def run() -> None:
        clock = asyncio.get_running_loop().time
        slots, order = Slots(clock), list[str]()
        async with slots.slot(route(), Claim(0, clock() + 600)):
            with pytest.raises(UpstreamTimeout):  # nothing is known yet, so it may wait
                await enter(slots, order, "unknown", deadline_in_s=3)
        await drain(slots, 40)
        async with slots.slot(route(), Claim(0, clock() + 600)):
            waiters = [asyncio.create_task(enter(slots, order, str(number))) for number in range(6)]
            await settle()
            came_at = clock()
            with pytest.raises(NoTarget) as refused:
                await enter(slots, order, "hopeless", priority=1, deadline_in_s=4)
            assert clock() == came_at
            assert refused.value.retry_after_s == pytest.approx(7 + math.sqrt(7) - 4 / 2, rel=0.1)
            hopeful = asyncio.create_task(enter(slots, order, "hopeful", priority=-1, deadline_in_s=4))
            await asyncio.sleep(1)
        await asyncio.gather(*waiters, hopeful)
        assert order == ["hopeful", *"012345"]
        assert slots.refused == {"full": 0, "shed": 0, "hopeless": 1}

    run_jumping(run())


def test_nobody_is_called_hopeless_while_slots_come_free_fast_enough() -> None:
    async def run() -> None:
        clock = asyncio.get_running_loop().time
        slots = Slots(clock)
        await drain(slots, 40)
        order = list[str]()
        async with slots.slot(route(), Claim(0, clock() + 600)):
            waiters = [asyncio.create_task(enter(slots, order, str(n), deadline_in_s=2 * n + 3)) for n in range(10)]
            await asyncio.sleep(1)
        await asyncio.gather(*waiters)
        assert len(order) == 10

    run_jumping(run())


async def test_waiting_is_told_by_lane() -> None:
    slots, order = Slots(), list[str]()
    async with slots.slot(route(), Claim(0, asyncio.get_running_loop().time() + 600)):
        waiters = [asyncio.create_task(enter(slots, order, "", priority)) for priority in (-7, 0, 3, 4)]
        await settle()
        assert list(slots.waiting_by_lane()) == [("m", "sooner", 1), ("m", "normal", 1), ("m", "later", 2)]
    await asyncio.gather(*waiters)
