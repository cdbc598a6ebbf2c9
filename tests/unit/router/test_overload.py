"""Whether Retry-After is true: simulated crowds, over random speeds, on a clock that jumps."""

import asyncio
import math
import random
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace

import pytest

from tests.fakes_loop import run_jumping
from turnout.models.errors import NoTarget, UpstreamTimeout
from turnout.models.target import Target
from turnout.router.catalogue import ModelRoute
from turnout.router.execute.fair_share import Claim
from turnout.router.execute.slots import Slots

SEEDS = range(20)


@dataclass
class Crowd:
    """
    Clients of one model; each comes back after the time it was told, until it gets in.

    Attributes:
        rate: slots that come free in a second when all are taken.
        tries: that each client needed.
        told_s: waits that clients were told.
        took_s: until all were served.
    """

    random: random.Random
    route: ModelRoute
    rate: float
    tries: list[int] = field(default_factory=list)
    told_s: list[float] = field(default_factory=list)
    took_s: float = 0.0

    @classmethod
    def draw(cls, seed: int) -> "Crowd":
        """A line of a random length in front of a random number of slots of a random speed."""
        chance = random.Random(seed)
        running, waiting = chance.choice((1, 4, 32)), chance.choice((0, 4, 64))
        route = ModelRoute("m", (Target("t", "m", "p"),), max_in_flight=running, max_waiting=waiting)
        return cls(chance, route, 10 ** chance.uniform(0.3, 2.5))

    async def ask(self, slots: Slots) -> None:
        """One client, until it's served."""
        loop, tries = asyncio.get_running_loop(), 0
        while True:
            tries += 1
            try:
                async with slots.slot(self.route, Claim(0, loop.time() + 1e6)):
                    await asyncio.sleep(self.random.expovariate(self.rate / self.route.max_in_flight))
                    break
            except NoTarget as refused:
                assert refused.retry_after_s is not None
                self.told_s.append(refused.retry_after_s)
                await asyncio.sleep(refused.retry_after_s)
        self.tries.append(tries)

    async def come(self, slots: Slots, count: int, rate: float) -> None:
        """So many clients, at random times, so many a second."""
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(self.ask(slots))
                await asyncio.sleep(self.random.expovariate(rate))

    async def warm_up(self, slots: Slots) -> None:
        """Enough of a crowd for the line to know its own speed."""
        size = self.route.max_in_flight + self.route.max_waiting
        await self.come(slots, 60 + 2 * size, 3 * self.rate)
        self.tries.clear()
        self.told_s.clear()

    def got_in_on_second_try(self) -> float:
        """Share of those that were sent away once or more."""
        sent_away = [tries for tries in self.tries if tries > 1]
        return sum(tries == 2 for tries in sent_away) / len(sent_away)


def run_crowd(seed: int) -> Crowd:
    """A crowd that knows the line's speed, and then all comes in one moment."""
    crowd = Crowd.draw(seed)

    async def run() -> None:
        slots = Slots(asyncio.get_running_loop().time)
        await crowd.warm_up(slots)
        size = crowd.route.max_in_flight + crowd.route.max_waiting
        begun_at = asyncio.get_running_loop().time()
        await crowd.come(slots, min(3 * size + 20, size + int(40 * crowd.rate)), 1e6)
        crowd.took_s = asyncio.get_running_loop().time() - begun_at

    run_jumping(run())
    return crowd


@pytest.mark.parametrize("seed", SEEDS)
def test_who_comes_back_when_told_usually_gets_in(seed: int) -> None:
    crowd = run_crowd(seed)
    assert crowd.got_in_on_second_try() >= (0.75 if crowd.route.max_waiting else 0.5), "without a line, chance decides"


def test_over_many_speeds_nine_in_ten_get_in_when_they_come_back() -> None:
    shares = [run_crowd(seed).got_in_on_second_try() for seed in range(60)]
    assert sum(shares) / len(shares) >= 0.85
    lined = [crowd.got_in_on_second_try() for crowd in map(run_crowd, range(60)) if crowd.route.max_waiting]
    assert sum(lined) / len(lined) >= 0.95


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_is_sent_away_for_longer_than_the_work_takes(seed: int) -> None:
    crowd = run_crowd(seed)
    if crowd.route.max_waiting < 64:
        return
    last_ones_s = crowd.route.max_in_flight * math.log(crowd.route.max_in_flight + 1) / crowd.rate
    assert crowd.took_s <= 1.3 * len(crowd.tries) / crowd.rate + last_ones_s, (
        "slots stood empty while clients were away"
    )
    assert max(crowd.told_s) <= min(60.0, crowd.took_s)


@pytest.mark.parametrize("seed", SEEDS)
def test_who_may_wait_nearly_always_has_its_turn_in_time_and_no_slot_stays_empty(seed: int) -> None:
    crowd, ends = Crowd.draw(seed), Counter[str]()
    patient = replace(crowd.route, max_waiting=200)

    async def ask_once(slots: Slots) -> None:
        deadline_at = asyncio.get_running_loop().time() + 30 / crowd.rate
        try:
            async with slots.slot(patient, Claim(0, deadline_at)):
                ends["served"] += 1
                await asyncio.sleep(crowd.random.expovariate(crowd.rate / patient.max_in_flight))
        except NoTarget:
            ends["refused"] += 1
        except UpstreamTimeout:
            ends["late"] += 1

    async def run() -> None:
        slots = Slots(asyncio.get_running_loop().time)
        await crowd.warm_up(slots)
        async with asyncio.TaskGroup() as group:
            for _ in range(600):
                group.create_task(ask_once(slots))
                await asyncio.sleep(crowd.random.expovariate(2 * crowd.rate))

    run_jumping(run())
    assert ends["late"] <= 0.15 * (ends["served"] + ends["late"])
    assert ends["served"] >= 0.9 * 300, "twice as many came as can be served"


def test_an_upstream_that_hangs_sends_everybody_further_away() -> None:
    async def run() -> list[float]:
        crowd = Crowd(random.Random(1), ModelRoute("m", (), max_in_flight=4, max_waiting=4), 40.0)
        slots = Slots(asyncio.get_running_loop().time)
        await crowd.warm_up(slots)
        told_s = []
        far = asyncio.get_running_loop().time() + 600
        async with AsyncExitStack() as hanging, asyncio.TaskGroup() as group:
            for _ in range(4):
                await hanging.enter_async_context(slots.slot(crowd.route, Claim(0, far)))
            waiters = [group.create_task(hanging_on(slots, crowd.route, far)) for _ in range(4)]
            for _ in range(3):
                await asyncio.sleep(20)
                with pytest.raises(NoTarget) as refused:
                    await hanging_on(slots, crowd.route, far)
                told_s.append(refused.value.retry_after_s)
            for waiter in waiters:
                waiter.cancel()
        return told_s

    told_s = run_jumping(run())
    assert told_s == sorted(told_s)
    assert told_s[0] > 1
    assert told_s[-1] > 2 * told_s[0]


async def hanging_on(slots: Slots, route: ModelRoute, deadline_at: float) -> None:
    """Wait for a slot, and leave it at once."""
    async with slots.slot(route, Claim(0, deadline_at)):
        return
