"""Random traffic through random limits, held against a count of everything that got in."""

import asyncio
import itertools
import random

import pytest

from tests.fakes_loop import run_jumping
from tests.unit.router.limit.calls import Counts, make_call, used
from turnout.models.access import Limit, Unit
from turnout.models.errors import LimitReached, UpstreamFailed
from turnout.router.catalogue import ModelRoute, Retries
from turnout.router.limit.bucket import Bucket
from turnout.router.limit.limiter import Limiter
from turnout.router.limit.line import Line

SLACK = 1e-6
ROUTE = ModelRoute("m", (), retries=Retries(max_wait_s=30))


def most_above(events: list[tuple[float, float]], amount: int, window_s: float) -> float:
    """By how much the sum over any span of time is above what its length allows; at most 0 where the limit is kept."""
    events = sorted(events)
    sums = [0.0, *itertools.accumulate(count for _, count in events)]
    return max(
        sums[last + 1] - sums[first] - amount * (1 + (events[last][0] - events[first][0]) / window_s)
        for first, last in itertools.combinations_with_replacement(range(len(events)), 2)
    )


@pytest.mark.parametrize("seed", range(20))
def test_in_no_span_of_time_does_a_rate_let_in_more_than_it_says(seed: int) -> None:
    async def run() -> None:
        rng, loop = random.Random(seed), asyncio.get_running_loop()
        limit = Limit("key:k", Unit.TOKENS, rng.randint(20, 300), rng.choice((60, 3600)))
        line, events = Line(Bucket(limit, limit.amount, loop.time()), loop.time), list[tuple[float, float]]()

        async def request() -> None:
            await asyncio.sleep(rng.random() * 5 * limit.window_s)
            need = rng.randint(1, 20)
            if not line.try_take(need, loop.time()):
                await line.wait(need, rng.randint(0, 2), rng.random() * limit.window_s)
            events.append((loop.time(), need))
            back = 0.0
            try:
                await asyncio.sleep(rng.random() * 20)
                back = rng.randint(0, need)
            finally:
                events.append((loop.time(), -back))
                line.leave(back, loop.time())

        tasks = [asyncio.ensure_future(request()) for _ in range(rng.randint(50, 250))]
        for task in rng.sample(tasks, len(tasks) // 5):
            loop.call_later(rng.random() * 5 * limit.window_s, task.cancel)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ends} <= {type(None), TimeoutError, asyncio.CancelledError}
        assert most_above(events, limit.amount, limit.window_s) <= SLACK
        await asyncio.sleep(3 * limit.window_s)
        assert line.is_idle(loop.time()), "everything was given back, and nobody waits"

    run_jumping(run())


@pytest.mark.parametrize("seed", range(10))
def test_no_more_seats_are_taken_than_there_are_and_nothing_leaks(seed: int) -> None:
    async def run() -> None:
        rng, loop = random.Random(seed), asyncio.get_running_loop()
        limits = (
            Limit("key:k", Unit.REQUESTS, rng.randint(1, 12), 60),
            Limit("team:t", Unit.TOKENS, rng.randint(80, 600), 60),
            Limit("org:o", Unit.CONCURRENT, rng.randint(1, 5)),
            Limit("key:k", Unit.CONCURRENT, rng.randint(1, 5)),
        )
        limiter, inside, most = Limiter(Counts(), loop.time), [0, 0], [0, 0]

        async def request(number: int) -> None:
            await asyncio.sleep(rng.random() * 300)
            own = tuple(each for each in limits if rng.random() < 0.8)
            seats = [limit in own for limit in limits[2:]]
            call = make_call(*own, key=str(number), asks=rng.randint(1, 60), route=ROUTE, priority=rng.randint(0, 2))
            ticket = limiter.ticket(call)
            async with ticket:
                inside[:] = [count + seat for count, seat in zip(inside, seats, strict=True)]
                most[:] = map(max, most, inside)
                try:
                    await asyncio.sleep(rng.random() * 20)
                    if rng.random() < 0.1:
                        raise UpstreamFailed("broken")
                    ticket.settle(used(rng.randint(0, 100)))
                finally:
                    inside[:] = [count - seat for count, seat in zip(inside, seats, strict=True)]

        tasks = [asyncio.ensure_future(request(number)) for number in range(150)]
        for task in rng.sample(tasks, 30):
            loop.call_later(rng.random() * 330, task.cancel)
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(each) for each in ends} <= {type(None), LimitReached, UpstreamFailed, asyncio.CancelledError}
        assert sum(each is None for each in ends) > 5
        assert most[0] <= limits[2].amount
        assert most[1] <= limits[3].amount
        for _ in range(4):
            await asyncio.sleep(600)
            async with limiter.ticket(make_call(limits[0], key="other")):
                pass
        assert len(limiter) == 1, "only the one in use is left: all seats had been given back"

    run_jumping(run())


def test_a_saturated_rate_is_used_to_the_full() -> None:
    async def run() -> None:
        limit = Limit("key:k", Unit.REQUESTS, 10, 60)
        loop, entered = asyncio.get_running_loop(), 0
        limiter = Limiter(Counts(), loop.time)

        async def client() -> None:
            nonlocal entered
            while loop.time() < 1600:
                try:
                    async with limiter.ticket(make_call(limit, route=ROUTE)):
                        entered += 1
                except LimitReached as error:
                    await asyncio.sleep(error.retry_after_s or 0)

        await asyncio.gather(*(client() for _ in range(20)))
        assert 10 + 100 - 1 <= entered <= 10 + 100 + 20, "the burst, ten minutes, and who still waited at the end"

    run_jumping(run())


def test_debts_keep_the_mean() -> None:
    async def run() -> None:
        limit = Limit("key:k", Unit.TOKENS, 1000, 60)
        loop, rng, total = asyncio.get_running_loop(), random.Random(4), 0
        limiter = Limiter(Counts(), loop.time)
        while loop.time() < 1000 + 6000:
            ticket = limiter.ticket(make_call(limit, asks=100))
            async with ticket:
                actual = rng.randint(0, 900)
                ticket.settle(used(actual))
                total += actual
        assert total == pytest.approx(1000 + 100 * 1000, rel=0.02)

    run_jumping(run())
