"""Leases, rows, alerts and reports over the real store."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI

from tests.fakes import FakeClock, ledger_row
from tests.stores import Place
from turnout.models.access import Actor, Budget, Role
from turnout.models.errors import NotFound
from turnout.models.ledger import Journal, LedgerEntry
from turnout.router.money.lease import Ask, Claim
from turnout.router.money.purses import STALE_S
from turnout.serve.control.money.alerts import Passed
from turnout.serve.control.money.routes import BudgetRoutes
from turnout.serve.control.money.treasury import GONE_S, REAP_PERIOD_S, Treasury
from turnout.serve.control.sql_store import SqlStore

NOON_S = 1_763_899_200.0
"""2025-11-23 12:00 UTC."""


@dataclass
class FakeDefinitions:
    """Budgets by id."""

    budgets: dict[str, Budget] = field(default_factory=dict)

    def find_budget(self, budget_id: str) -> Budget | None:
        return self.budgets.get(budget_id)

    def list_budgets(self) -> list[Budget]:
        return [*self.budgets.values()]


@dataclass
class Rig:
    store: SqlStore
    treasury: Treasury
    clock: FakeClock
    definitions: FakeDefinitions
    live: list[str]
    passed: list[Passed]

    async def book(self, router: str, *entries: LedgerEntry) -> None:
        await self.store.append(Journal(entries, (), router))


class FakeActors:
    """Everybody is the owner."""

    def get(self, authorization: bytes) -> Actor:
        return Actor("key-7", Role.ADMIN)


@pytest.fixture
async def rig(place: Place) -> AsyncIterator[Rig]:
    store = await place.open()
    clock, live, passed = FakeClock(NOON_S), list[str](), list[Passed]()

    def tell(found: Sequence[Passed]) -> None:
        passed.extend(found)

    definitions = FakeDefinitions({"b": Budget("b", 1_000, "daily")})
    treasury = Treasury(
        store.committer, definitions, lambda: tuple(live), clock=clock.now, wall_ns=clock.wall_ns, tell=tell
    )
    store.followers.append(treasury.follow)
    yield Rig(store, treasury, clock, definitions, live, passed)
    await store.close()


def row(number: int, cost_nusd: int, *budgets: str) -> LedgerEntry:
    return ledger_row(f"r{number}", cost_nusd, *budgets)


async def test_a_journal_sent_twice_is_spent_once(rig: Rig) -> None:
    await rig.treasury.renew(Ask("a", (Claim("b", 0, 500, 500, 0),)))
    for _ in range(3):
        await rig.book("a", row(1, 100, "b"), row(2, 50, "b"))
    await rig.book("a", row(2, 50, "b"), row(3, 7, "b"), row(3, 7, "b"))
    state = await rig.treasury.get_state("b")
    assert (state.spent_nusd, state.held_nusd) == (157, 343)


async def test_what_a_router_that_is_gone_held_comes_back_within_a_minute(rig: Rig) -> None:
    await rig.treasury.renew(Ask("a", (Claim("b", 0, 600, 600, 0),)))
    await rig.treasury.renew(Ask("c", (Claim("b", 0, 300, 300, 0),)))
    for _ in range(int(GONE_S) + 1):
        rig.live[:] = ["c"]
        rig.clock.advance(1.0)
        await rig.treasury.reap()
    assert (await rig.treasury.get_state("b")).held_nusd == 300


def start_another(rig: Rig) -> Treasury:
    """The next Control's, on what the one before has committed."""
    return Treasury(
        rig.store.committer,
        rig.definitions,
        tuple,
        clock=rig.clock.now,
        wall_ns=rig.clock.wall_ns,
        tell=rig.passed.extend,
    )


async def test_a_control_that_has_just_started_gives_routers_as_long_as_they_may_spend_unconfirmed(rig: Rig) -> None:
    await rig.treasury.renew(Ask("a", (Claim("b", 0, 600, 600, 0),)))
    again = start_another(rig)
    assert await again.reap() == ()
    rig.clock.advance(STALE_S)
    assert await again.reap() == ()
    rig.clock.advance(GONE_S - STALE_S)
    assert await again.reap() == ("a",)


async def test_it_comes_back_within_a_minute_though_control_died_just_before(rig: Rig) -> None:
    await rig.treasury.renew(Ask("a", (Claim("b", 0, 600, 600, 0),)))
    rig.live.clear()
    rig.clock.advance(GONE_S - 0.1)
    again = start_another(rig)
    for _ in range(int((60 - GONE_S) / REAP_PERIOD_S)):
        await again.reap()
        rig.clock.advance(REAP_PERIOD_S)
    assert (await again.get_state("b")).held_nusd == 0


async def test_one_who_is_short_makes_the_others_give_back(rig: Rig) -> None:
    (mine,) = await rig.treasury.renew(Ask("a", (Claim("b", 0, 900, 900, 0),)))
    (short,) = await rig.treasury.renew(Ask("c", (Claim("b", 0, 500, 500, 0),)))
    assert (short.granted, short.is_wanted) == (0, False)
    (mine,) = await rig.treasury.renew(Ask("a", (Claim("b", mine.lease, 900, 900, 0),)))
    assert mine.is_wanted
    await rig.treasury.renew(Ask("a", (Claim("b", mine.lease, 0, 0, 900),)))
    (short,) = await rig.treasury.renew(Ask("c", (Claim("b", short.lease, 500, 500, 0),)))
    assert short.granted == 500
    rig.clock.advance(2.0)
    assert not (await rig.treasury.renew(Ask("a", (Claim("b", mine.lease, 0, 0, 900),))))[0].is_wanted


async def test_a_passed_share_is_told_once_a_window_and_kept_in_the_audit_log(rig: Rig) -> None:
    await rig.book("a", row(1, 799, "b"))
    await rig.book("a", row(2, 1, "b"))
    await rig.book("a", row(3, 100, "b"))
    await rig.book("a", row(4, 300, "b"))
    rig.clock.advance(86_400.0)
    await rig.book("a", row(5, 900, "b"))
    await rig.treasury.list_states(rig.treasury.list_budgets())
    assert [(each.share, each.spent_nusd) for each in rig.passed] == [(0.8, 800), (1.0, 1_200), (0.8, 900)]
    events = await rig.store.list_events(0, 10)
    assert [(each.event.action, each.event.subject) for each in events] == [("budget.alert", "b")] * 3


async def test_the_routes_show_reset_and_foretell(rig: Rig) -> None:
    await rig.book("a", row(1, 400, "b"))
    app = FastAPI()
    BudgetRoutes(rig.treasury, FakeActors(), lambda _: None).add_to(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control") as client:
        (shown,) = (await client.get("/budget/list")).json()
        assert (shown["spend_nusd"], shown["max_budget_nusd"], shown["forecast"]) == (400, 1_000, 8e-7)
        assert shown["window_ends_at_s"] == NOON_S + 12 * 3_600
        assert (await client.get("/budget/info", params={"budget_id": "b"})).json() == shown
        assert (await client.post("/budget/reset", json={"budget_id": "b"})).json()["spend_nusd"] == 0
    assert [row.event.actor for row in await rig.store.list_events(0, 10)] == ["key-7"]
    with pytest.raises(NotFound, match="nobody"):
        await rig.treasury.reset("nobody", "admin")
