"""When a change has reached every router."""

import asyncio

from tests.fakes import FakeClock
from turnout.serve.control.report import RouterReport
from turnout.serve.control.roster import Reach, Roster


def report(router: str, have_version: int) -> RouterReport:
    return RouterReport(router, "node", have_version, "f", None, "", 0, ())


async def test_a_change_has_arrived_when_all_that_live_have_acknowledged_it() -> None:
    roster = Roster(FakeClock().now)
    roster.renew(report("a", 0))
    roster.renew(report("b", 0))
    waiting = asyncio.create_task(roster.wait_for(1, within_s=60))
    roster.renew(report("a", 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    roster.renew(report("b", 2))
    assert await waiting == Reach(("a", "b"))


async def test_a_router_that_stops_reporting_is_waited_for_until_its_lease_ends() -> None:
    clock = FakeClock()
    roster = Roster(clock.now, lease_s=1.0)
    roster.renew(report("gone", 0))
    waiting = asyncio.create_task(roster.wait_for(1, within_s=60))
    await asyncio.sleep(0)
    clock.advance(1.0)
    roster.renew(report("new", 1))
    assert await waiting == Reach(lease_ended=("gone",))


async def test_the_end_of_a_lease_is_noticed_without_any_report() -> None:
    roster = Roster(asyncio.get_running_loop().time, lease_s=0.01)
    roster.renew(report("gone", 0))
    assert await roster.wait_for(1, within_s=60) == Reach(lease_ended=("gone",))


async def test_a_router_that_reports_without_ever_applying_the_change_is_named_as_late() -> None:
    clock = FakeClock()
    roster = Roster(clock.now)
    roster.renew(report("stubborn", 0))
    waiting = asyncio.create_task(roster.wait_for(1, within_s=5))
    for _ in range(6):
        await asyncio.sleep(0)
        clock.advance(0.9)
        roster.renew(report("stubborn", 0))
    assert await waiting == Reach(late=("stubborn",))


async def test_without_routers_a_change_has_arrived_at_once() -> None:
    assert await Roster(FakeClock().now).wait_for(1, within_s=5) == Reach()


def test_only_routers_with_a_lease_are_alive_and_the_dead_are_forgotten() -> None:
    async def run() -> None:
        clock = FakeClock()
        roster = Roster(clock.now, lease_s=1.0, keep_s=10.0)
        roster.renew(report("a", 0))
        clock.advance(0.9)
        roster.extend("a")
        clock.advance(0.9)
        assert [member.report.router for member in roster.live()] == ["a"]
        clock.advance(0.2)
        assert roster.live() == []
        clock.advance(20)
        roster.renew(report("b", 0))
        assert set(roster._members) == {"b"}

    asyncio.run(run())
