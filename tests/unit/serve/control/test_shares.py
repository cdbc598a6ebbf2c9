"""Limits that several routers keep together: shares come, move and go, and the sum never goes over."""

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import pytest

from tests.fakes import FakeClock
from tests.fakes_loop import run_jumping
from tests.unit.router.limit.calls import Counts, make_call
from tests.unit.router.limit.test_promises import most_above
from turnout.models.access import Limit, Unit
from turnout.models.errors import LimitReached
from turnout.router.catalogue import ModelRoute, Retries
from turnout.router.limit.limiter import Limiter
from turnout.router.limit.share import EMPTY, FULL, NOTHING, WHOLE, Levels
from turnout.serve.control.bell import Bell
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control.shares import GONE_S, START_S, Shares

RPM = Limit("key:k", Unit.REQUESTS, 60, 60)
DAILY = Limit("key:k", Unit.REQUESTS, 1000, 86400)
SEATS = Limit("key:k", Unit.CONCURRENT, 5)
NO_NEWS = WatchAnswer(None, None, False)


@dataclass
class Member:
    """A router as Control sees it: it reports what it has, and takes what it's told."""

    name: str
    shares: Shares
    limiter: Limiter
    given_up: Levels | None = None

    def poll(self, *, loses_answer: bool = False) -> None:
        report = RouterReport(self.name, "n", 0, "", None, "", 0, (), -1, self.limiter.share, self.given_up)
        answer = self.shares.add_news(NO_NEWS, report)
        self.given_up = None
        if answer.limit_share is not None and not loses_answer:
            self.given_up = self.limiter.set_share(answer.limit_share, answer.limit_levels)

    def leave(self) -> None:
        levels = self.limiter.set_share(NOTHING, EMPTY)
        self.shares.add_news(NO_NEWS, RouterReport(self.name, "n", 0, "", None, "", 0, (), -1, NOTHING, levels))


@dataclass
class Cluster:
    now: Callable[[], float]
    members: list[Member] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.shares = Shares(self.now, Bell())
        for member in self.members:
            member.shares = self.shares

    def join(self, name: str) -> Member:
        self.members.append(Member(name, self.shares, Limiter(Counts(), self.now, NOTHING)))
        return self.members[-1]

    def poll(self, times: int = 4) -> None:
        for _ in range(times):
            for member in self.members:
                member.poll()

    def parts(self) -> list[float]:
        return [member.limiter.share.part for member in self.members]


def started(clock: FakeClock, *names: str) -> Cluster:
    cluster = Cluster(clock.now)
    for name in names:
        cluster.join(name)
    cluster.poll()
    assert cluster.parts() == [0.0] * len(names), "nobody knows yet who lives"
    clock.advance(START_S)
    cluster.poll()
    return cluster


async def left(limiter: Limiter, limit: Limit) -> float:
    """How much may be taken at once, for the whole limit."""
    ticket = limiter.ticket(make_call(limit, key="looks"))
    async with ticket:
        return int(dict(ticket.call.limit_headers)[b"x-ratelimit-remaining-requests"]) + 1


def test_a_lone_router_has_all_of_every_limit() -> None:
    cluster = started(FakeClock(), "a")
    assert cluster.members[0].limiter.share == WHOLE


def test_a_newcomer_gets_its_share_when_the_others_have_given_it_up() -> None:
    cluster = started(FakeClock(), "a")
    b = cluster.join("b")
    b.poll()
    assert cluster.parts() == [1.0, 0.0]
    cluster.members[0].poll()
    b.poll()
    assert cluster.parts() == [0.5, 0.0], "told, and not acknowledged yet"
    cluster.members[0].poll()
    b.poll()
    assert cluster.parts() == [0.5, 0.5]


def test_the_share_of_a_dead_router_goes_to_the_others_after_a_while() -> None:
    clock = FakeClock()
    cluster = started(clock, "a", "b")
    cluster.members.pop()
    clock.advance(GONE_S - 1)
    cluster.poll()
    assert cluster.parts() == [0.5]
    clock.advance(1)
    cluster.poll()
    assert cluster.parts() == [1.0]


def test_a_router_that_leaves_gives_back_at_once() -> None:
    cluster = started(FakeClock(), "a", "b")
    cluster.members.pop().leave()
    cluster.poll()
    assert cluster.parts() == [1.0]


def test_a_new_control_learns_who_has_what_before_it_gives_anything() -> None:
    clock = FakeClock()
    cluster = started(clock, "a", "b")
    cluster.restart()
    c = cluster.join("c")
    c.poll()
    clock.advance(START_S - 0.1)
    c.poll()
    assert c.limiter.share == NOTHING
    cluster.poll()
    clock.advance(0.1)
    cluster.poll()
    assert cluster.parts() == pytest.approx([1 / 3] * 3)


def test_an_answer_that_is_lost_takes_nothing_away() -> None:
    cluster = started(FakeClock(), "a")
    b = cluster.join("b")
    cluster.poll(1)
    cluster.members[0].poll()
    b.poll(loses_answer=True)
    cluster.poll()
    assert cluster.parts() == [0.5, 0.5]


async def test_what_was_used_stays_used_when_routers_are_replaced() -> None:
    clock = FakeClock()
    cluster = started(clock, "a", "b")
    for member in cluster.members:
        for _ in range(200):
            async with member.limiter.ticket(make_call(DAILY)):
                pass
    for name in ("c", "d"):
        cluster.join(name)
    cluster.poll(6)
    assert cluster.parts() == [0.25] * 4
    for _ in range(2):
        cluster.members.pop(0).leave()
        cluster.poll(6)
    assert cluster.parts() == [0.5] * 2
    for member in cluster.members:
        assert await left(member.limiter, DAILY) == pytest.approx(600, abs=3), "of 1,000, 400 were used"
        assert await left(member.limiter, msgspec.structs.replace(DAILY, bucket="key:other")) == pytest.approx(
            1000, abs=3
        )


def test_seats_are_split_whole_and_all_of_them_are_used() -> None:
    for amount in range(3, 12):
        for of in (1, 2, 3):
            seats = [
                WHOLE.piece(index, of).allowance(msgspec.structs.replace(SEATS, amount=amount)) for index in range(of)
            ]
            assert sum(seats) == amount
    assert [WHOLE.piece(index, 3).allowance(msgspec.structs.replace(SEATS, amount=1)) for index in range(3)] == [
        1,
        1,
        1,
    ]


async def test_without_a_share_limited_requests_wait_for_one() -> None:
    limiter = Limiter(Counts(), asyncio.get_running_loop().time, NOTHING)
    ticket = limiter.ticket(make_call(RPM, SEATS))
    entering = asyncio.ensure_future(_enter(ticket))
    await asyncio.sleep(0)
    assert not entering.done()
    limiter.set_share(WHOLE, FULL)
    await asyncio.wait_for(entering, 1)


def test_without_a_share_callers_are_told_of_nothing_left_and_of_a_whole_window_until_there_is() -> None:
    async def run() -> None:
        limiter = Limiter(Counts(), asyncio.get_running_loop().time, NOTHING)
        with pytest.raises(LimitReached) as refused:
            await _enter(limiter.ticket(make_call(RPM, route=ModelRoute("m", (), retries=Retries(max_wait_s=5)))))
        told = dict(refused.value.headers)
        assert told[b"x-ratelimit-remaining-requests"] == b"0"
        assert told[b"x-ratelimit-reset-requests"] == b"1m0s"

    run_jumping(run())


async def _enter(ticket: object) -> None:
    async with ticket:  # type: ignore[attr-defined]
        pass


async def disturb(cluster: Cluster, rng: random.Random, until: float) -> None:
    """Let routers report, come and go, answers get lost, and Control restart."""
    loop, names = asyncio.get_running_loop(), itertools.count(10)
    while loop.time() < until:
        await asyncio.sleep(0.5)
        for member in cluster.members:
            member.poll(loses_answer=rng.random() < 0.05)
        draw = rng.random()
        if draw < 0.03 and len(cluster.members) < 5:
            cluster.join(str(next(names)))
        elif draw > 0.98 and len(cluster.members) > 1:
            cluster.members.pop().leave()
        elif 0.5 < draw < 0.505:
            cluster.restart()


@pytest.mark.parametrize("seed", range(8))
def test_routers_that_come_and_go_never_let_in_more_than_one_would(seed: int) -> None:
    async def run() -> None:
        rng, loop = random.Random(seed), asyncio.get_running_loop()
        cluster, entered = Cluster(loop.time), list[tuple[float, float]]()
        route = ModelRoute("m", (), retries=Retries(max_wait_s=5))
        for name in range(rng.randint(1, 3)):
            cluster.join(str(name))

        async def ask() -> None:
            with contextlib.suppress(LimitReached):
                async with rng.choice(cluster.members).limiter.ticket(make_call(RPM, route=route)):
                    entered.append((loop.time(), 1.0))

        tasks = [asyncio.ensure_future(disturb(cluster, rng, 1400))]
        while loop.time() < 1400:
            await asyncio.sleep(rng.expovariate(3 if loop.time() % 100 < 50 else 0.5))
            tasks.append(asyncio.ensure_future(ask()))
        await asyncio.gather(*tasks)
        assert most_above(entered, RPM.amount, RPM.window_s) <= 1e-6
        assert len(entered) > 150

    run_jumping(run())
