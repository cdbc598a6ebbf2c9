"""How long replicas were there and busy, from what routers report."""

from collections.abc import AsyncIterator

import pytest

from tests.stores import Place
from turnout.serve.control.report import RouterReport, TargetReport
from turnout.serve.control.reports.fleet import LONGEST_GAP_MS, FleetRecord
from turnout.serve.control.roster import Roster
from turnout.serve.control.sql_store import SqlStore

MINUTE = 60_000_000_000


class Rig:
    def __init__(self, store: SqlStore) -> None:
        self.store = store
        self.now_ns = 100 * MINUTE
        self.roster = Roster(lambda: self.now_ns / 1e9, lease_s=1e9)
        self.record = FleetRecord(store.committer, self.roster, lambda: self.now_ns)

    def report(self, router: str, replicas: int, in_flight: int) -> None:
        self.roster.renew(
            RouterReport(router, "n", 0, "", None, "", 0, (TargetReport("here", "ready", replicas, in_flight, 0),))
        )

    def pass_s(self, seconds: float) -> None:
        self.now_ns += int(seconds * 1e9)

    async def rows(self) -> list[tuple[int, str, int, int]]:
        await self.record.write()
        return await self.store.committer.read(
            lambda db: db.execute("SELECT * FROM pool_minute ORDER BY minute").fetchall()
        )


@pytest.fixture
async def rig(place: Place) -> AsyncIterator[Rig]:
    store = await place.open()
    made = Rig(store)
    await made.record.open()
    yield made
    await store.close()


async def test_replicas_are_counted_once_and_requests_from_every_router(rig: Rig) -> None:
    rig.record.sample()
    rig.report("r1", 3, 1)
    rig.report("r2", 2, 1)
    rig.record.sample()
    rig.pass_s(10)
    rig.record.sample()
    assert await rig.rows() == [(100, "here", 30_000, 20_000)]


async def test_more_requests_than_replicas_make_all_of_them_busy(rig: Rig) -> None:
    rig.report("r1", 2, 50)
    rig.record.sample()
    rig.pass_s(5)
    rig.record.sample()
    assert await rig.rows() == [(100, "here", 10_000, 10_000)]


async def test_a_new_minute_is_told_of_and_has_a_row_of_its_own(rig: Rig) -> None:
    rig.report("r1", 1, 0)
    rig.record.sample()
    rig.pass_s(30)
    assert not rig.record.sample()
    rig.pass_s(31)
    assert rig.record.sample()
    assert [row[0] for row in await rig.rows()] == [100, 101]


async def test_what_is_written_twice_in_a_minute_is_added(rig: Rig) -> None:
    rig.report("r1", 1, 0)
    for _ in range(3):
        rig.record.sample()
        await rig.record.write()
        rig.pass_s(1)
    assert await rig.rows() == [(100, "here", 2000, 0)]


async def test_replicas_go_on_costing_money_while_control_is_away_but_not_for_ever(rig: Rig) -> None:
    rig.report("r1", 1, 0)
    rig.record.sample()
    rig.pass_s(30)
    rig.record.sample()
    await rig.record.write()
    rig.pass_s(330)
    again = FleetRecord(rig.store.committer, rig.roster, lambda: rig.now_ns)
    await again.open()
    again.sample()
    await again.write()
    assert (await rig.rows())[-1] == (106, "here", 300_000, 0)
    rig.pass_s(3600)
    again.sample()
    await again.write()
    assert (await rig.rows())[-1][2] == LONGEST_GAP_MS


async def test_without_routers_nothing_is_known(rig: Rig) -> None:
    rig.pass_s(60)
    assert not rig.record.sample()
    assert await rig.rows() == []
