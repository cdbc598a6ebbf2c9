"""The directory's admin routes, as their callers see them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.fakes import FakeOut
from tests.unit.serve.control.directory.desks import ADMIN_KEY, Rig
from tests.unit.serve.control.test_admin import CONFIG
from turnout.models.access import Actor, Role
from turnout.models.errors import Forbidden
from turnout.models.exchange import Out, RequestHead
from turnout.router.directory import Directory
from turnout.serve.control.actor import check_route, require_actor
from turnout.serve.control.admin import Desk, make_admin_app
from turnout.serve.control.directory.desk import digest_key
from turnout.serve.control.directory.routes import DirectoryRoutes
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook


@dataclass
class Site:
    """The admin app over a directory."""

    rig: Rig
    roster: Roster
    client: httpx.AsyncClient

    async def post(self, path: str, status: int = 200, by: str = ADMIN_KEY, **fields: object) -> Any:
        answer = await self.client.post(path, json=fields, headers={"authorization": f"Bearer {by}"})
        assert answer.status_code == status, answer.text
        return answer.json()

    async def get(self, path: str, status: int = 200, by: str = ADMIN_KEY, **query: str) -> Any:
        answer = await self.client.get(path, params=query, headers={"authorization": f"Bearer {by}"})
        assert answer.status_code == status, answer.text
        return answer.json()


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    rig = await Rig.open(tmp_path / "control.sqlite")
    roster = Roster(asyncio.get_running_loop().time)
    book = await SettingsBook.open(rig.store, rig.clock.wall_ns, rig.bell)
    await book.accept(CONFIG.model_dump_json().encode(), "router-1")
    routes = DirectoryRoutes(rig.desk, rig.actors, roster, book, rig.clock.wall_ns)
    app = make_admin_app(Desk(rig.store, book, roster, rig.clock.now, "0.test", directory=routes))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://control") as client:
        yield Site(rig, roster, client)
    await rig.close()


def report(have_directory: int) -> RouterReport:
    return RouterReport("router-1", "n", 0, "f", None, "", 0, (), have_directory=have_directory)


async def test_a_key_is_generated_shown_once_listed_changed_and_deleted(site: Site) -> None:
    await site.post("/team/new", team_id="search", models=["m"])
    made = await site.post(
        "/key/generate", team_id="search", key_alias="one", max_budget=1.5, duration="1d", regions=["eu"]
    )
    assert made["key"].startswith("sk-tn-")
    assert (made["team_id"], made["max_budget"], made["effective"]["models"]) == ("search", "1.5", ["m"])
    assert (made["regions"], made["effective"]["regions"]) == (["eu"], ["eu"])
    by_id = await site.get("/key/info", key_id=made["key_id"])
    assert by_id == await site.get("/key/info", key=made["key"])
    assert "key" not in by_id["info"]
    listed = await site.get("/key/list", team_id="search")
    assert (listed["total_count"], listed["keys"][0]["key_alias"]) == (1, "one")
    changed = await site.post("/key/update", key_id=made["key_id"], tags=["x"])
    assert (changed["tags"], changed["key_alias"]) == (["x"], "one")
    gone = await site.post("/key/delete", keys=[made["key"]])
    assert gone["deleted_keys"] == [made["key_id"]]
    await site.get("/key/info", 404, key_id=made["key_id"])


async def test_a_change_is_answered_when_every_live_router_goes_by_it(site: Site) -> None:
    site.roster.renew(report(0))
    router = Directory()
    changing = asyncio.create_task(site.post("/key/generate"))
    await site.rig.bell.wait_until(lambda: site.rig.book.version > 0, 5)
    await asyncio.sleep(0)
    assert not changing.done()
    empty = WatchAnswer(None, None, wants_config=False)
    news = site.rig.book.add_news(empty, report(router.version)).directory
    assert news is not None
    router.take(news)
    site.roster.renew(report(router.version))
    made = await changing
    assert made["reach"]["acknowledged"] == ["router-1"]
    assert router.find(digest_key(made["key"])) == site.rig.principal(made["key"])
    assert site.rig.book.add_news(empty, report(router.version)) == empty


async def test_blocking_reaches_routers_and_can_be_taken_back(site: Site) -> None:
    made = await site.post("/key/generate")
    for path, is_blocked in (("/key/block", True), ("/key/unblock", False)):
        assert (await site.post(path, key_id=made["key_id"]))["blocked"] is is_blocked
        found = site.rig.principal(made["key"])
        assert found is not None
        assert found.is_blocked is is_blocked


@pytest.mark.parametrize(("word", "name"), [("organization", "acme"), ("team", "search"), ("user", "ann")])
async def test_blocking_a_level_refuses_the_keys_below_it_until_it_is_unblocked(
    site: Site, word: str, name: str
) -> None:
    await site.post("/organization/new", organization_id="acme")
    await site.post("/team/new", team_id="search", organization_id="acme")
    await site.post("/user/new", user_id="ann", team_id="search")
    made = await site.post("/key/generate", user_id="ann")
    for act, is_blocked in (("block", True), ("unblock", False)):
        assert (await site.post(f"/{word}/{act}", **{f"{word}_id": name}))["blocked"] is is_blocked
        found = site.rig.principal(made["key"])
        assert found is not None
        assert found.is_blocked is is_blocked
        assert (await site.rig.events())[-1].action == f"{word}.{act}"


async def test_a_regenerated_key_comes_with_a_new_secret(site: Site) -> None:
    made = await site.post("/key/generate")
    again = await site.post("/key/regenerate", key=made["key"], grace_s=60)
    assert (again["key_id"], again["key"] == made["key"]) == (made["key_id"], False)
    assert await site.get("/key/info", key=made["key"]) == await site.get("/key/info", key=again["key"])


async def test_teams_users_and_organisations_are_made_changed_listed_and_deleted(site: Site) -> None:
    await site.post("/organization/new", organization_id="acme", organization_alias="Acme")
    await site.post("/team/new", team_id="search", organization_id="acme", tpm_limit=5)
    user = await site.post("/user/new", user_id="ann", team_id="search", user_role="viewer")
    assert (user["organization_id"], user["user_role"]) == ("acme", "viewer")
    assert (await site.post("/team/update", team_id="search", tpm_limit=None))["limits"] == []
    key = await site.post("/key/generate", user_id="ann")
    assert (await site.get("/user/info", user_id="ann"))["key_ids"] == [key["key_id"]]
    assert [each["team_id"] for each in (await site.get("/team/list"))["teams"]] == ["search"]
    await site.post("/team/delete", 400, team_ids=["search"])
    assert (await site.post("/user/delete", user_ids=["ann"]))["deleted"] == ["ann", key["key_id"]]
    await site.post("/team/delete", team_ids=["search"])
    await site.post("/organization/delete", organization_ids=["acme"])
    assert (await site.get("/organization/list"))["organizations"] == []


async def test_a_user_with_a_role_uses_the_routes_with_its_key_and_sees_its_own(site: Site) -> None:
    await site.post("/team/new", team_id="search", models=["m"])
    await site.post("/user/new", user_id="tea", team_id="search", user_role="team_admin")
    tea = (await site.post("/key/generate", user_id="tea"))["key"]
    await site.post("/key/generate")
    made = await site.post("/key/generate", by=tea, models=["m"])
    assert made["team_id"] == "search"
    assert (await site.get("/key/list", by=tea))["total_count"] == 2
    assert [each["model_name"] for each in (await site.get("/model/info", by=tea))["data"]] == ["m"]
    await site.get("/team/info", 404, by=tea, team_id="other")


async def test_strangers_services_and_those_who_want_too_much_are_refused(site: Site) -> None:
    await site.get("/key/list", 401, by="sk-tn-unknown")
    service = (await site.post("/key/generate"))["key"]
    assert await site.get("/key/list", 401, by=service) == await site.get("/key/list", 401, by="x")
    await site.post("/user/new", user_id="vic", user_role="viewer")
    viewer = (await site.post("/key/generate", user_id="vic"))["key"]
    assert (await site.get("/key/list", by=viewer))["total_count"] == 2
    assert (await site.post("/key/generate", 403, by=viewer))["error"]["type"] == "permission_error"


async def test_unknown_fields_and_absent_things_are_told_with_a_hint(site: Site) -> None:
    told = await site.post("/key/generate", 400, max_bugdet=1)
    assert "did you mean 'max_budget'?" in told["error"]["message"]
    assert (await site.post("/key/block", 404, key_id="nope"))["error"]["param"] == "key_id"
    assert "turnout apply" in (await site.post("/config/reload", 400))["error"]["message"]
    await site.post("/key/delete", 400)


async def test_the_routes_describe_themselves(site: Site) -> None:
    paths = (await site.get("/admin/openapi.json"))["paths"]
    common = ("info", "list", "update", "delete", "block", "unblock")
    assert {f"/{kind}/{act}" for kind in ("key", "team", "user", "organization") for act in common} <= set(paths)
    assert {"/key/generate", "/key/regenerate", "/team/new", "/user/new", "/organization/new"} <= set(paths)


OWNER = Actor("admin", Role.ADMIN)
ORG_ADMIN = Actor("k", Role.ADMIN, "acme")
VIEWER = Actor("k", Role.VIEWER)
ORG_VIEWER = Actor("k", Role.VIEWER, "acme")
TEAM_VIEWER = Actor("k", Role.VIEWER, "", "search")


@pytest.mark.parametrize(
    ("actor", "method", "path", "passes"),
    [
        (OWNER, "PUT", "/admin/targets/x", True),
        (OWNER, "POST", "/anything/new", True),
        (ORG_ADMIN, "GET", "/admin/ledger", False),
        (ORG_ADMIN, "POST", "/key/generate", True),
        (TEAM_VIEWER, "GET", "/budget/list", True),
        (VIEWER, "GET", "/admin/ledger", True),
        (VIEWER, "PUT", "/admin/targets/x", False),
        (VIEWER, "GET", "/anything/list", True),
        (ORG_VIEWER, "GET", "/anything/list", False),
        (TEAM_VIEWER, "GET", "/admin/ledger", False),
        (ORG_VIEWER, "GET", "/team/info", True),
        (ORG_ADMIN, "GET", "/keyboard", False),
        (ORG_ADMIN, "POST", "/key%2F../admin/config/reset", False),
    ],
)
def test_what_is_not_meant_for_a_role_is_closed_to_it(actor: Actor, method: str, path: str, passes: bool) -> None:
    with nullcontext() if passes else pytest.raises(Forbidden):
        check_route(actor, method, path)


async def test_without_a_key_that_may_do_something_nothing_is_answered(site: Site) -> None:
    async def answer(head: RequestHead, body: bytes, out: Out) -> None:
        out.full(200, (), b"in")

    guarded = require_actor(answer, site.rig.actors)
    await site.post("/user/new", user_id="vic", user_role="viewer")
    viewer = (await site.post("/key/generate", user_id="vic"))["key"]
    for value, method, status in (
        (b"", b"GET", 401),
        (b"Bearer ", b"GET", 401),
        (b"Basic ta-admin", b"GET", 401),
        (b"Bearer ta-admin", b"POST", 200),
        (b"Bearer " + viewer.encode(), b"GET", 200),
        (b"Bearer " + viewer.encode(), b"POST", 403),
    ):
        out = FakeOut()
        headers = {b"authorization": value} if value else {}
        await guarded(RequestHead(method, b"/admin/status", b"", headers, "peer"), b"", out)
        assert out.status == status
        assert (b"www-authenticate" in out.headers) == (status == 401)
    assert msgspec.json.decode(out.body)["error"]["type"] == "permission_error"
