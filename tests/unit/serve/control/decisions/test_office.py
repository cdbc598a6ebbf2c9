"""A request is explained by the router that remembers it, or by the kept sample; kept decisions are listed, and end with their time."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.fakes import FakeClock
from turnout.models.decision import Considered, Decision, Happened, Prediction
from turnout.models.ledger import Journal
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.control.admin import Desk, make_admin_app
from turnout.serve.control.bell import Bell
from turnout.serve.control.decisions.inquiries import Inquiries
from turnout.serve.control.decisions.office import DecisionOffice
from turnout.serve.control.report import Found, RouterReport, WatchAnswer
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.sqlite import SqliteStore

DAY_S = 86_400.0
NO_NEWS = WatchAnswer(None, None, False)
CONFIG = DynamicConfig.model_validate(
    {
        "auth": {"keys": "env:KEYS"},
        "models": [{"name": "m", "targets": [{"name": "here", "pool": "pool"}]}],
        "decisions": {"share": 0.5, "keep_days": 2},
    }
)


def decision(request_id: str, attempt: int = 1, at_s: float = 1000.0) -> Decision:
    considered = (
        Considered("here", "a", "", 1.0, 3, None, Prediction(10, 0.1, 0.2, 3.0, 0.01)),
        Considered("there", "b", "not_local"),
    )
    happened = Happened(200, "", "", 250_000, 900_000, 12, 40, 0, 7)
    return Decision(
        request_id, attempt, int(at_s * 1e9), "acme", "m", "m", "balanced", "balanced", "here", "a", 10, None, True, considered, happened
    )  # fmt: skip


def report(router: str, *found: Found) -> RouterReport:
    return RouterReport(router, "n1", 0, "c", None, "", 0, (), found=found)


@dataclass
class Rig:
    store: SqliteStore
    roster: Roster
    office: DecisionOffice
    clock: FakeClock
    client: httpx.AsyncClient

    def hear(self, router: str, *found: Found) -> tuple[str, ...]:
        """A router reports; which requests it's asked for."""
        self.roster.renew(report(router))
        return self.office.inquiries.add_news(NO_NEWS, report(router, *found)).wants_decisions

    async def asked(self, request_id: str) -> "asyncio.Task[httpx.Response]":
        """Somebody asks; returns once routers would be asked."""
        task = asyncio.ensure_future(self.client.get(f"/admin/decisions/{request_id}"))
        while not self.office.inquiries._open:
            await asyncio.sleep(0.001)
        return task


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    loop = asyncio.get_running_loop()
    store = SqliteStore.open(tmp_path / "control.sqlite", 0.0)
    bell, clock, roster = Bell(), FakeClock(), Roster(loop.time)
    book = await SettingsBook.open(store, clock.wall_ns, bell)
    await book.accept(CONFIG.model_dump_json().encode(), "router-1")
    office = DecisionOffice(store.committer, book, roster, bell, clock.wall_ns)
    office.inquiries = Inquiries(roster, bell, within_s=0.2)
    app = make_admin_app(Desk(store, book, roster, loop.time, "0.test", decisions=office))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control") as client:
        yield Rig(store, roster, office, clock, client)
    await store.close()


async def test_the_router_that_remembers_a_request_explains_it(rig: Rig) -> None:
    rig.hear("one")
    rig.hear("two")
    asking = await rig.asked("r1")
    assert rig.hear("one") == ("r1",)
    assert rig.hear("one", Found("r1", ())) == (), "it isn't asked twice"
    assert rig.hear("two", Found("r1", (decision("r1"), decision("r1", 2)))) == ()
    (first, second) = (await asking).json()["decisions"]
    assert (first["attempt"], second["attempt"]) == (1, 2)
    assert first["considered"][0]["prediction"] == {
        "new_tokens": 10, "wait_s": 0.1, "prefill_s": 0.2, "batch": 3.0, "token_s": 0.01,
    }  # fmt: skip
    assert first["considered"][1] == {
        "target": "there", "endpoint": "b", "excluded": "not_local", "score": None, "in_flight": None, "price_nusd": None,
        "prediction": None,
    }  # fmt: skip
    assert first["happened"]["first_token_us"] == 250_000


async def test_what_no_router_knows_is_404_and_says_how_much_is_kept(rig: Rig) -> None:
    rig.hear("one")
    asking = await rig.asked("r1")
    rig.hear("one", Found("r1", ()))
    answer = await asking
    assert answer.status_code == 404
    for part in ("'r1'", "2,000", "share of 0.5", "2 days"):
        assert part in answer.json()["error"]["message"]


async def test_without_any_router_the_answer_comes_at_once(rig: Rig) -> None:
    assert (await rig.client.get("/admin/decisions/r1")).status_code == 404


async def test_a_router_that_does_not_answer_is_named_and_nothing_is_left_of_the_question(rig: Rig) -> None:
    rig.hear("one")
    answer = await (await rig.asked("r1"))
    assert answer.status_code == 503
    assert "one" in answer.json()["error"]["message"]
    assert rig.hear("one") == ()


async def test_a_kept_decision_is_told_without_asking_anybody(rig: Rig) -> None:
    rig.hear("one")
    await rig.store.append(Journal((), (), "one", (decision("r1"),)))
    answer = await rig.client.get("/admin/decisions/r1")
    assert [each["target"] for each in answer.json()["decisions"]] == ["here"]


async def test_kept_decisions_are_listed_by_pages_and_a_journal_sent_twice_changes_nothing(rig: Rig) -> None:
    journal = Journal((), (), "one", tuple(decision(f"r{n}") for n in range(5)))
    await rig.store.append(journal)
    await rig.store.append(journal)
    first = (await rig.client.get("/admin/decisions?limit=3")).json()
    assert [row["request_id"] for row in first["rows"]] == ["r0", "r1", "r2"]
    rest = (await rig.client.get(f"/admin/decisions?limit=3&after={first['next_after']}")).json()
    assert [row["request_id"] for row in rest["rows"]] == ["r3", "r4"]
    assert rest["next_after"] is None


async def test_a_decision_ends_with_its_days(rig: Rig) -> None:
    rig.clock.at_s = 10 * DAY_S
    old, young = decision("old", at_s=7.9 * DAY_S), decision("young", at_s=8.1 * DAY_S)
    await rig.store.append(Journal((), (), "one", (old, young)))
    assert await rig.office.prune() == 1
    rows = (await rig.client.get("/admin/decisions")).json()["rows"]
    assert [row["request_id"] for row in rows] == ["young"]
