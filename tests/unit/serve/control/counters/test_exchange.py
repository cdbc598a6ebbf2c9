"""Limits that several clusters keep together: parts come, move and go, and the sum never goes over."""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable

import pytest

from tests.fakes_loop import run_jumping
from tests.unit.router.limit.calls import make_call
from tests.unit.router.limit.test_promises import most_above
from tests.unit.serve.control.counters.clusters import NO_NEWS, World
from turnout.models.access import Limit, Unit
from turnout.models.errors import LimitReached
from turnout.router.catalogue import ModelRoute, Retries
from turnout.router.limit.share import EMPTY, NOTHING
from turnout.serve.control.counters.exchange import HELD_S
from turnout.serve.control.report import RouterReport

RPM = Limit("key:k", Unit.REQUESTS, 60, 60)
DAILY = Limit("key:k", Unit.REQUESTS, 1000, 86400)
ROUTE = ModelRoute("m", (), retries=Retries(max_wait_s=5))


def play(story: Callable[[World], Awaitable[None]], *, clusters: int, routers: int, keeps: bool = False) -> None:
    async def run() -> None:
        world = World(random.Random(3), clusters=clusters, routers=routers, keeps=keeps)
        await story(world)
        await world.close()

    run_jumping(run())


async def settled(world: World) -> list[float]:
    await asyncio.sleep(HELD_S + 8)
    return world.parts()


def test_clusters_and_their_routers_have_equal_parts_of_one_whole() -> None:
    async def story(world: World) -> None:
        assert await settled(world) == pytest.approx([1 / 3] * 3, abs=1e-3)
        assert {round(router.limiter.share.part, 3) for router in world.routers} == {round(1 / 6, 3)}

    play(story, clusters=3, routers=2)


def test_all_seats_are_given_and_none_twice() -> None:
    async def story(world: World) -> None:
        await settled(world)
        for amount in range(6, 30):
            seats = Limit("key:k", Unit.CONCURRENT, amount)
            assert sum(router.limiter.share.allowance(seats) for router in world.routers) == amount

    play(story, clusters=2, routers=3)


def test_the_part_of_a_cluster_that_is_gone_goes_to_the_others_when_its_lease_has_ended() -> None:
    async def story(world: World) -> None:
        await settled(world)
        gone = world.clusters.pop()
        gone.crash()
        while gone.routers:
            world.kill_router(gone)
        await asyncio.sleep(HELD_S - 1.5)
        assert world.parts() == [0.5]
        await asyncio.sleep(5)
        assert world.parts() == [1.0]

    play(story, clusters=2, routers=2)


def test_a_cluster_that_closes_gives_its_part_back_at_once_with_what_is_left_in_it() -> None:
    async def story(world: World) -> None:
        await settled(world)
        staying, leaving = world.clusters
        async with staying.routers[0].limiter.ticket(make_call(DAILY)):
            pass
        leaving.routers[0].task.cancel()
        shares = leaving.get_shares()
        levels = leaving.routers[0].limiter.set_share(NOTHING, EMPTY)
        shares.add_news(
            NO_NEWS, RouterReport(leaving.routers[0].name, "n", 0, "", None, "", 0, (), -1, NOTHING, levels)
        )
        assert leaving.task is not None
        leaving.task.cancel()
        await leaving.exchange.leave()
        await asyncio.sleep(3)
        assert world.parts() == [1.0, 0.0]
        ticket = staying.routers[0].limiter.ticket(make_call(DAILY))
        async with ticket:
            assert dict(ticket.call.limit_headers)[b"x-ratelimit-remaining-requests"] == b"998"

    play(story, clusters=2, routers=1)


@pytest.mark.parametrize(("keeps", "after"), [(True, 0.5), (False, 0.0)])
def test_a_cluster_that_is_cut_off_keeps_what_is_leased_and_then_does_what_the_policy_says(
    keeps: bool, after: float
) -> None:
    async def story(world: World) -> None:
        await settled(world)
        lost, other = world.clusters
        lost.store.wire.is_cut = True
        await asyncio.sleep(HELD_S - 2)
        assert world.parts() == [0.5, 0.5]
        await asyncio.sleep(6)
        assert world.parts() == [after, 1.0]
        lost.store.wire.is_cut = False
        await asyncio.sleep(8)
        assert world.parts() == [0.5, 0.5]
        assert other.shares is not None

    play(story, clusters=2, routers=2, keeps=keeps)


def test_a_lone_cluster_whose_counters_are_away_keeps_all() -> None:
    async def story(world: World) -> None:
        await settled(world)
        world.clusters[0].store.wire.is_cut = True
        await asyncio.sleep(60)
        assert world.parts() == [1.0]

    play(story, clusters=1, routers=2, keeps=True)


def test_a_router_cut_off_from_its_control_stops_before_others_get_its_part() -> None:
    async def story(world: World) -> None:
        await settled(world)
        router = world.clusters[0].routers[0]
        router.wire.is_cut = True
        for _ in range(30):
            await asyncio.sleep(1)
            assert sum(world.parts()) <= 1.001
        assert router.limiter.share.part == 0
        assert world.parts() == [0.5, 0.5]

    play(story, clusters=2, routers=2)


def test_a_control_that_restarts_goes_on_with_what_its_routers_have() -> None:
    async def story(world: World) -> None:
        await settled(world)
        world.clusters[0].crash()
        await asyncio.sleep(3)
        world.clusters[0].start()
        for _ in range(20):
            await asyncio.sleep(0.5)
            assert world.parts() == [0.5, 0.5]

    play(story, clusters=2, routers=2)


@pytest.mark.parametrize("seed", range(12))
def test_clusters_never_let_in_more_than_one_router_would(seed: int) -> None:
    async def run() -> int:
        rng, loop = random.Random(seed), asyncio.get_running_loop()
        world, entered = World(rng, clusters=rng.randint(2, 3), routers=2), list[tuple[float, float]]()

        async def ask() -> None:
            with contextlib.suppress(LimitReached):
                async with rng.choice(world.routers).limiter.ticket(make_call(RPM, route=ROUTE)):
                    entered.append((loop.time(), 1.0))

        tasks = [asyncio.ensure_future(world.disturb(1900))]
        while loop.time() < 1900:
            await asyncio.sleep(rng.expovariate(3 if loop.time() % 100 < 50 else 0.5))
            tasks.append(asyncio.ensure_future(ask()))
            assert sum(router.limiter.share.part for router in world.routers) <= 1 + 1e-6
        await asyncio.gather(*tasks)
        await world.close()
        assert most_above(entered, RPM.amount, RPM.window_s) <= 1e-6
        return len(entered)

    assert run_jumping(run()) > 200
