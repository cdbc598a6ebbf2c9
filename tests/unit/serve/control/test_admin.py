"""What an administrator sees and changes."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from turnout.models.ledger import Journal, LedgerEntry
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.control.admin import Desk, make_admin_app
from turnout.serve.control.bell import Bell
from turnout.serve.control.report import RouterReport, TargetReport
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.sqlite import SqliteStore

CONFIG = DynamicConfig.model_validate(
    {
        "auth": {"keys": "env:KEYS"},
        "models": [
            {
                "name": "m",
                "targets": [{"name": "here", "pool": "pool"}, {"name": "beside", "pool": "pool", "weight": 2}],
                "fallbacks": {"any_error": ["alias"]},
                "degrade": {"answer": "Later, please."},
            },
            {"name": "alias", "targets": [{"name": "here", "pool": "pool"}]},
        ],
    }
)


@dataclass
class Rig:
    store: SqliteStore
    book: SettingsBook
    bell: Bell
    roster: Roster
    client: httpx.AsyncClient

    async def audit(self) -> list[tuple[str, str]]:
        rows = (await self.client.get("/admin/audit")).json()["rows"]
        return [(row["action"], row["subject"]) for row in rows]


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    loop = asyncio.get_running_loop()
    store = SqliteStore.open(tmp_path / "control.sqlite")
    bell = Bell()
    book = await SettingsBook.open(store, lambda: 17, bell)
    await book.accept(CONFIG.model_dump_json().encode(), "router-1")
    roster = Roster(loop.time, lease_s=0.5)
    app = make_admin_app(Desk(store, book, roster, loop.time, "0.0.test"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control") as client:
        yield Rig(store, book, bell, roster, client)
    await store.close()


def report(have_version: int = 0, router: str = "router-1", here: str = "ready") -> RouterReport:
    return RouterReport(
        router,
        "n1",
        have_version,
        CONFIG.fingerprint(),
        None,
        "no such key",
        3,
        (TargetReport("here", here, 1, 3, 0),),
    )


async def test_status_shows_routers_settings_and_overlay(rig: Rig) -> None:
    rig.roster.renew(report())
    status = (await rig.client.get("/admin/status")).json()
    assert status["config"] == {"fingerprint": CONFIG.fingerprint(), "accepted_at_ns": 17}
    assert status["overlay"] == {"version": 0, "weights": {}, "drained": []}
    (router,) = status["routers"]
    assert (router["router"], router["in_flight"], router["rejected"]) == ("router-1", 3, "no such key")
    assert router["targets"][0]["state"] == "ready"
    assert {model["name"]: model["down_at"] for model in status["models"]} == {"m": [], "alias": []}


async def test_a_model_is_down_where_no_target_of_its_own_can_answer(rig: Rig) -> None:
    rig.roster.renew(report())
    rig.roster.renew(report(router="router-2", here="open"))
    status = (await rig.client.get("/admin/status")).json()
    assert status["models"][0] == {"name": "m", "down_at": ["router-2"], "fallbacks": ["alias"], "degrades": True}
    assert not status["models"][1]["degrades"], "that a stale answer may be given says nothing: there may be none"


async def test_an_auto_model_is_down_where_none_of_those_can_answer_that_it_chooses_among(rig: Rig) -> None:
    models = [
        *CONFIG.model_dump(mode="json")["models"],
        {"name": "far", "targets": [{"name": "there", "pool": "other"}]},
    ]
    smart = {"name": "smart", "auto": ["m", "far"]}
    config = DynamicConfig.model_validate({"auth": {"keys": "env:KEYS"}, "models": [*models, smart]})
    await rig.book.accept(config.model_dump_json().encode(), "router-1")
    rig.roster.renew(report())
    rig.roster.renew(report(router="router-2", here="open"))
    status = (await rig.client.get("/admin/status")).json()
    assert status["models"][-1]["down_at"] == ["router-2"]
    targets = (await rig.client.get("/admin/targets")).json()
    assert {target["name"]: target["models"] for target in targets} == {
        "here": ["m", "alias", "smart"],
        "beside": ["m", "smart"],
        "there": ["far", "smart"],
    }


async def test_targets_show_the_files_word_the_overlays_and_the_routers(rig: Rig) -> None:
    rig.roster.renew(report())
    await rig.book.change_target("beside", {"weight": 0.25})
    here, beside = (await rig.client.get("/admin/targets")).json()
    assert (here["name"], here["models"], here["drained"]) == ("here", ["m", "alias"], False)
    assert here["routers"]["router-1"]["in_flight"] == 3
    assert (beside["weight"], beside["file_weight"], beside["routers"]) == (0.25, 2.0, {})


async def test_a_change_is_answered_when_every_live_router_applies_it(rig: Rig) -> None:
    rig.roster.renew(report())
    changing = asyncio.create_task(rig.client.put("/admin/targets/here", json={"weight": 0.5, "drained": True}))
    await rig.bell.wait_until(lambda: rig.book.overlay.version > 0, 5)
    rig.roster.renew(report(have_version=1))
    answer = (await changing).json()
    assert answer["acknowledged"] == ["router-1"]
    assert answer["overlay"] == {"version": 1, "weights": {"here": 0.5}, "drained": ["here"]}


async def test_a_change_says_which_router_stopped_reporting(rig: Rig) -> None:
    rig.roster.renew(report())
    answer = (await rig.client.put("/admin/targets/here", json={"drained": True})).json()
    assert (answer["acknowledged"], answer["lease_ended"], answer["late"]) == ([], ["router-1"], [])


async def test_a_change_leaves_alone_what_it_does_not_name_and_null_gives_the_files_weight_back(rig: Rig) -> None:
    await rig.client.put("/admin/targets/here", json={"weight": 0.5, "drained": True})
    await rig.client.put("/admin/targets/here", json={"weight": None})
    assert (rig.book.overlay.weights, rig.book.overlay.drained) == ({}, {"here"})
    await rig.client.put("/admin/targets/here", json={"drained": False})
    assert rig.book.overlay.drained == frozenset()


async def test_changes_at_once_are_none_of_them_lost(rig: Rig) -> None:
    await asyncio.gather(
        rig.client.put("/admin/targets/here", json={"weight": 3}),
        rig.client.put("/admin/targets/beside", json={"drained": True}),
    )
    assert rig.book.overlay.version == 2
    assert (rig.book.overlay.weights, rig.book.overlay.drained) == ({"here": 3.0}, {"beside"})


async def test_reset_drops_every_change_and_is_itself_a_change(rig: Rig) -> None:
    await rig.client.put("/admin/targets/here", json={"weight": 0.5})
    answer = (await rig.client.post("/admin/config/reset")).json()
    assert answer["overlay"] == {"version": 2, "weights": {}, "drained": []}
    assert await rig.audit() == [
        ("config.accept", CONFIG.fingerprint()),
        ("target.change", "here"),
        ("config.reset", "overlay"),
    ]


@pytest.mark.parametrize(
    "body",
    [
        '{"weight": -1}',
        '{"weight": NaN}',
        '{"wieght": 1}',
        "{}",
        '{"drained": null}',
        "[]",
        "{",
        '{"drained": "perhaps"}',
    ],
)
async def test_a_change_that_cannot_be_meant_is_a_400_in_our_error_shape_and_changes_nothing(
    rig: Rig, body: str
) -> None:
    answer = await rig.client.put("/admin/targets/here", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"
    assert rig.book.overlay.version == 0


async def test_an_unknown_target_is_a_404_that_says_what_was_probably_meant(rig: Rig) -> None:
    answer = await rig.client.put("/admin/targets/hear", json={"drained": True})
    assert answer.status_code == 404
    assert "did you mean 'here'?" in answer.json()["error"]["message"]


async def test_the_settings_shown_hold_references_and_no_secrets(rig: Rig) -> None:
    shown = (await rig.client.get("/admin/config")).json()
    assert shown["config"]["auth"]["keys"] == "env:KEYS"
    assert shown["fingerprint"] == CONFIG.fingerprint()


async def test_the_ledger_is_paged(rig: Rig) -> None:
    entries = tuple(
        LedgerEntry(f"r{n}", 1, 1, "t", "k", "m", "here", "e", 200, "", 1, 2, 0, 0, "provider", 5, None, 3, False)
        for n in range(3)
    )
    await rig.store.append(Journal(entries, ()))
    first = (await rig.client.get("/admin/ledger?limit=2")).json()
    second = (await rig.client.get(f"/admin/ledger?limit=2&after={first['next_after']}")).json()
    assert [row["request_id"] for row in first["rows"] + second["rows"]] == ["r0", "r1", "r2"]
    assert second["rows"][0]["cost_nusd"] == 5
    assert (await rig.client.get("/admin/ledger?limit=0")).status_code == 400


async def test_an_unknown_route_says_where_the_list_is(rig: Rig) -> None:
    answer = await rig.client.get("/admin/nothing")
    assert answer.status_code == 404
    assert "/admin/openapi.json" in answer.json()["error"]["message"]
    assert "/admin/targets/{name}" in (await rig.client.get("/admin/openapi.json")).json()["paths"]
