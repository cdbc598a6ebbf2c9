"""Whose turn it is, who loses a place, and that a flood of one tenant is nobody else's."""

import asyncio
import random
from collections import Counter
from itertools import combinations, count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes_loop import run_jumping
from turnout.models.errors import NoTarget
from turnout.router.catalogue import ModelRoute
from turnout.router.execute.fair_share import PASSED_OVER, RESTED, Claim, FairShare, Waiter
from turnout.router.execute.slots import Slots

_arrivals = count()


def waiter(tenant: str = "a", priority: int = 0, deadline: float = 9.0, share: float = 1.0, tokens: int = 1) -> Waiter:
    loop = asyncio.new_event_loop()
    loop.close()
    return Waiter(Claim(priority, deadline, tenant, share, tokens), next(_arrivals), loop.create_future())


def fill(line: FairShare, *waiters: Waiter) -> None:
    for each in waiters:
        line.add(each)


def take(line: FairShare, turns: int) -> list[str]:
    """The tenants of the next turns."""
    return [line.take().claim.tenant for _ in range(turns)]


def test_two_tenants_take_turns_whoever_came_first() -> None:
    line = FairShare()
    fill(line, *(waiter("a") for _ in range(4)), waiter("b"), waiter("b"))
    assert take(line, 6) == ["a", "b", "a", "b", "a", "a"]


def test_turns_are_shared_by_tokens() -> None:
    line = FairShare()
    fill(line, *(waiter("long", tokens=300) for _ in range(40)), *(waiter("short", tokens=100) for _ in range(120)))
    assert Counter(take(line, 80)) == {"long": 20, "short": 60}


def test_turns_are_shared_by_shares() -> None:
    line = FairShare()
    fill(line, *(waiter("big", share=3.0) for _ in range(90)), *(waiter("small") for _ in range(90)))
    assert Counter(take(line, 80)) == {"big": 60, "small": 20}


def test_a_tenants_own_requests_go_by_deadline() -> None:
    line = FairShare()
    fill(line, waiter(deadline=3), waiter(deadline=1), waiter(deadline=2), waiter(deadline=1))
    took = [line.take() for _ in range(4)]
    assert [each.claim.deadline_at for each in took] == [1, 1, 2, 3]
    assert took[0].arrival < took[1].arrival


def test_an_idle_tenant_saves_nothing_up() -> None:
    line = FairShare()
    fill(line, *(waiter("busy") for _ in range(150)))
    take(line, 50)
    fill(line, *(waiter("idle") for _ in range(50)))
    assert Counter(take(line, 40)) == {"busy": 20, "idle": 20}


def test_a_tenant_that_leaves_the_line_for_a_moment_still_owes_what_it_used() -> None:
    line = FairShare()
    fill(line, waiter("big", tokens=50), *(waiter("small", deadline=1) for _ in range(100)))
    assert take(line, 2) == ["big", "small"]
    line.add(waiter("big", tokens=50))
    assert take(line, 50) == ["small"] * 49 + ["big"]


def test_what_was_estimated_too_low_is_paid_from_the_next_turn() -> None:
    line = FairShare()
    fill(line, *(waiter("talks") for _ in range(9)), *(waiter("quiet") for _ in range(30)))
    first = line.take()
    line.correct(first.claim, 11)
    assert Counter(take(line, 11)) == {"quiet": 11}
    line.correct(first.claim, -1000)  # never more than where the lane is
    assert "quiet" in take(line, 2)


def test_worse_lanes_get_one_turn_in_sixteen_the_one_passed_over_longest_first() -> None:
    line = FairShare()
    fill(line, *(waiter("high", -1) for _ in range(99)), *(waiter("low", 5) for _ in range(9)), waiter("worst", 9))
    turns = take(line, 4 * PASSED_OVER)
    assert turns[PASSED_OVER - 1 :: PASSED_OVER] == ["low", "worst", "low", "low"]
    assert Counter(turns)["high"] == 4 * PASSED_OVER - 4


def test_the_tenant_with_most_places_for_its_share_loses_one_in_the_worst_lane() -> None:
    line = FairShare()
    fill(line, *(waiter("big", share=4.0) for _ in range(6)), *(waiter("small", deadline=d) for d in (1, 3, 2)))
    shed = line.try_shed(Claim(0, 1.0, "new"))
    assert shed is not None
    assert (shed.claim.tenant, shed.claim.deadline_at, len(line)) == ("small", 3, 8)
    assert line.try_shed(Claim(0, 1.0, "small")) is None
    assert line.try_shed(Claim(1, 1.0, "new")) is None, "a better lane gives nothing up"


def test_no_place_goes_back_and_forth_between_equals() -> None:
    line = FairShare()
    fill(line, *(waiter("a") for _ in range(5)), *(waiter("b") for _ in range(5)))
    assert line.try_shed(Claim(0, 0.0, "a")) is None
    assert line.try_shed(Claim(0, 0.0, "b")) is None


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcd"),
            st.integers(-1, 1),
            st.sampled_from((1.0, 2.0, 0.5)),
            st.integers(1, 500),
            st.sampled_from(("add", "add", "add", "take", "remove", "shed", "correct")),
        ),
        max_size=80,
    )
)
def test_nobody_is_lost_or_served_twice(steps: list[tuple[str, int, float, int, str]]) -> None:
    line, inside = FairShare(), dict[int, Waiter]()
    for tenant, priority, share, tokens, step in steps:
        each = waiter(tenant, priority, float(tokens), share, tokens)
        gone: Waiter | None = None
        if step == "add":
            assert 0 <= line.places_before(each.claim) <= len(line) + 4
            line.add(each)
            inside[each.arrival] = each
        elif step == "take" and inside:
            gone = line.take()
        elif step == "remove" and inside:
            gone = next(iter(inside.values()))
            line.remove(gone)
            line.remove(gone)
        elif step == "shed":
            gone = line.try_shed(each.claim)
        else:
            line.correct(each.claim, tokens // 2)
        if gone is not None:
            del inside[gone.arrival]
        assert len(line) == len(inside) == sum(waiting for _, waiting in line.by_priority())
    assert {line.take().arrival for _ in range(len(line))} == set(inside)


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from("abcd"), st.sampled_from((0.5, 1.0, 3.0)), min_size=2),
    st.integers(1, 1000),
    st.integers(),
)
def test_tenants_that_always_wait_are_never_further_apart_than_one_request_of_each(
    shares: dict[str, float], most: int, seed: int
) -> None:
    """The bound of the paper that `FairShare` names."""
    line, chance = FairShare(), random.Random(seed)
    for tenant, share in shares.items():
        fill(line, *(waiter(tenant, share=share, tokens=chance.randint(1, most)) for _ in range(60)))
    had = dict.fromkeys(shares, 0.0)
    for _ in range(60):  # nobody can run out
        claim = line.take().claim
        had[claim.tenant] += claim.tokens / claim.share
    for one, other in combinations(shares, 2):
        assert abs(had[one] - had[other]) <= most / shares[one] + most / shares[other] + 1e-6


def test_a_crowd_of_tenants_leaves_a_bounded_trace() -> None:
    line = FairShare()
    line.add(waiter("stays", tokens=10**9))
    for number in range(2 * RESTED):
        line.add(waiter(f"t{number}"))
        line.take()
    assert len(line._lanes[0]._rested) <= RESTED


class Line:
    """A model of one slot in which each request takes a second, and how long each tenant's requests waited for it."""

    def __init__(self, waiting: int = 1000) -> None:
        self.route = ModelRoute("m", (), max_in_flight=1, max_waiting=waiting)
        self.slots = Slots(asyncio.get_running_loop().time)
        self.waits: dict[str, list[float]] = {}

    async def ask(self, claim: Claim) -> None:
        loop = asyncio.get_running_loop()
        came_at = loop.time()
        try:
            async with self.slots.slot(self.route, claim):
                self.waits.setdefault(claim.tenant, []).append(loop.time() - came_at)
                await asyncio.sleep(1)
        except NoTarget:
            self.waits.setdefault(f"{claim.tenant}, refused", []).append(loop.time() - came_at)


@pytest.mark.parametrize("seed", range(5))
def test_a_flood_of_one_tenant_makes_another_wait_for_one_turn_at_most(seed: int) -> None:
    async def run() -> None:
        line, chance = Line(), random.Random(seed)
        async with asyncio.TaskGroup() as group:
            for _ in range(1500):  # more than there are places for
                group.create_task(line.ask(Claim(0, 1e6, "flood", tokens=300)))
            await asyncio.sleep(chance.random())
            for _ in range(100):
                group.create_task(line.ask(Claim(0, 1e6, "other", tokens=300)))
                await asyncio.sleep(chance.uniform(2, 4))
        assert len(line.waits["other"]) == 100
        assert max(line.waits["other"]) <= 1.001 + 1  # what runs, and at most one turn of the flood
        assert sum(line.waits["other"]) / 100 <= 1.2
        assert "other, refused" not in line.waits

    run_jumping(run())


def test_a_flood_of_one_tenant_leaves_another_half_of_the_turns() -> None:
    async def run() -> None:
        line = Line()
        async with asyncio.TaskGroup() as group:
            flood = [group.create_task(line.ask(Claim(0, 1e6, "flood", tokens=300))) for _ in range(1000)]
            for _ in range(50):
                group.create_task(line.ask(Claim(0, 1e6, "other", tokens=300)))
            await asyncio.sleep(100)
            assert len(line.waits["other"]) >= 49
            for each in flood:
                each.cancel()

    run_jumping(run())


def test_a_high_priority_overtakes_a_flood_but_for_one_turn_in_sixteen() -> None:
    async def run() -> None:
        line, chance = Line(), random.Random(1)
        async with asyncio.TaskGroup() as group:
            for _ in range(1000):
                group.create_task(line.ask(Claim(5, 1e6, "tenant")))
            for _ in range(100):
                group.create_task(line.ask(Claim(-5, 1e6, "urgent")))
                await asyncio.sleep(chance.uniform(1.5, 3))
        assert max(line.waits["urgent"]) <= 3
        assert sum(wait <= 1 for wait in line.waits["urgent"]) >= 85

    run_jumping(run())


def test_a_full_line_refuses_the_flood_and_not_those_who_come_after_it() -> None:
    async def run() -> None:
        line = Line(waiting=10)
        async with asyncio.TaskGroup() as group:
            flood = [group.create_task(line.ask(Claim(0, 1e6, "flood"))) for _ in range(30)]
            await asyncio.sleep(0.1)
            others = [group.create_task(line.ask(Claim(0, 1e6, f"t{number}"))) for number in range(4)]
            await asyncio.gather(*flood, *others)
        assert len(line.waits["flood, refused"]) == 30 - 1 - 10 + 4
        assert all(max(line.waits[f"t{number}"]) <= 6 for number in range(4))

    run_jumping(run())


def test_nobody_is_called_hopeless_for_the_waiting_of_others() -> None:
    async def run() -> None:
        line = Line()
        loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            flood = [group.create_task(line.ask(Claim(0, 1e6, "flood", tokens=300))) for _ in range(1000)]
            await asyncio.sleep(60)  # the pace is known now
            await line.ask(Claim(0, loop.time() + 8, "other", tokens=300))
            await line.ask(Claim(0, loop.time() + 8, "flood", tokens=300))  # the earliest deadline of its tenant
            await line.ask(Claim(0, loop.time() + 8, "other", tokens=300))
            for each in flood:
                each.cancel()
        assert (len(line.waits["other"]), "other, refused" in line.waits) == (2, False)

    run_jumping(run())
