"""The admin routes: nobody without a role gets in, and nobody does more than the role says, on whatever routes there are."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.security.control_room import Room, open_room
from tests.security.doors import METHODS, STRANGERS, send
from turnout.models.exchange import Headers
from turnout.serve.control.directory.grantee import Kind

OF_THE_DIRECTORY = ("/key/", "/team/", "/user/", "/organization/", "/model/", "/spend/", "/budget/")
"""Where members have something to see or to do; all else is the owners', and viewers' of all to see."""
NOBODY = ("service", "blocked")
NO_OWNERS = ("viewer", "team_viewer", "member", "team_admin", "tenant_admin")
REFUSED = {401, 403, 404, 405}
MISUNDERSTOOD = {400, 422}


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    async with open_room(tmp_path) as opened:
        yield opened


def bearer(key: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer {key}".encode()}


def is_look(method: str) -> bool:
    return method in ("GET", "HEAD", "OPTIONS")


async def test_there_are_routes_to_look_at(room: Room) -> None:
    paths = {path for _, path in room.routes()}
    assert {"/admin/status", "/admin/openapi.json", "/key/generate", "/budget/reset", "/admin/targets/t"} <= paths


async def test_a_stranger_gets_the_same_401_from_every_route_by_every_method(room: Room) -> None:
    paths = sorted(
        {path for _, path in room.routes()} | {"/", "/docs", "/redoc", "/openapi.json", "/admin/", "/metrics"}
    )
    before = await room.audit_rows()
    outs = [
        await send(room.door, method, path, headers, b"{}")
        for path in paths
        for method in METHODS
        for headers in (*STRANGERS.values(), *(bearer(room.keys[name]) for name in NOBODY))
    ]
    assert {out.status for out in outs} == {401}
    assert len({(tuple(sorted(out.headers.items())), out.body) for out in outs}) == 1
    assert await room.audit_rows() == before


@pytest.mark.parametrize("who", NO_OWNERS)
async def test_outside_of_the_directory_nobody_but_owners_and_viewers_of_all_gets_anything(
    room: Room, who: str
) -> None:
    for method, path in room.routes():
        if not path.startswith(OF_THE_DIRECTORY) and not (who == "viewer" and is_look(method)):
            out = await send(room.door, method, path, bearer(room.keys[who]), b"{}")
            assert out.status == 403, f"{who} {method} {path}"


@pytest.mark.parametrize("who", ["viewer", "team_viewer"])
async def test_a_viewer_changes_nothing_whatever_it_sends(room: Room, who: str) -> None:
    before = await room.audit_rows()
    bodies = example_bodies(room)
    for method, path in room.routes():
        if not is_look(method):
            for body in (b"", b"{}", b"[]", bodies.get((method, path), b"{}")):
                out = await send(room.door, method, path, bearer(room.keys[who]), body)
                assert out.status in REFUSED | MISUNDERSTOOD, f"{method} {path}"
            assert out.status in REFUSED, f"{method} {path} with a good body: {out.status} {out.body!r}"
    assert await room.audit_rows() == before


@pytest.mark.parametrize("who", ["team_viewer", "member", "team_admin"])
async def test_what_another_organisation_has_is_neither_seen_nor_changed(room: Room, who: str) -> None:
    before = await room.audit_rows()
    for path, named in (
        ("/organization/info", "organization_id=evil"),
        ("/team/info", "team_id=theirs"),
        ("/user/info", "user_id=viewer"),
        ("/user/info", "user_id=tenant_admin"),
    ):
        out = await send(room.door, "GET", path, bearer(room.keys[who]), query=named.encode())
        assert out.status in REFUSED, f"{path}?{named}"
    for path, body in (
        ("/user/update", {"user_id": "viewer", "user_role": "admin"}),
        ("/user/update", {"user_id": who, "user_role": "admin"}),
        ("/key/generate", {"user_id": "tenant_admin"}),
        ("/key/generate", {"user_id": "viewer"}),
        ("/organization/update", {"organization_id": "acme", "max_budget": 1}),
        ("/organization/new", {"organization_id": "mine"}),
    ):
        out = await send(room.door, "POST", path, bearer(room.keys[who]), json.dumps(body).encode())
        assert out.status in REFUSED | MISUNDERSTOOD, f"{path} {body}: {out.status}"
    assert await room.audit_rows() == before


MAKES = {
    "viewer": set(),
    "team_viewer": set(),
    "member": {"key"},
    "team_admin": {"key", "user"},
    "tenant_admin": {"key", "user", "team"},
}


@pytest.mark.parametrize("who", MAKES)
async def test_who_may_make_none_of_a_kind_does_not_learn_which_ids_there_are(room: Room, who: str) -> None:
    await room.rig.add(Kind.ORGANIZATION, organization_id="evil")
    await room.rig.add(Kind.TEAM, team_id="theirs", organization_id="evil")
    await room.rig.add(Kind.USER, user_id="eve", team_id="theirs")
    for kind, taken in (("organization", "evil"), ("team", "theirs"), ("user", "eve")):
        bodies = [{f"{kind}_id": taken}, {f"{kind}_id": "nobody"}]
        if kind not in MAKES[who]:
            assert await refusals(room, who, f"/{kind}/new", *bodies) == {403}


@pytest.mark.parametrize("who", MAKES)
async def test_whoever_names_what_it_may_not_see_is_answered_as_if_it_were_not_there(room: Room, who: str) -> None:
    await room.rig.add(Kind.ORGANIZATION, organization_id="evil")
    await room.rig.add(Kind.TEAM, team_id="theirs", organization_id="evil")
    await room.rig.add(Kind.USER, user_id="eve", team_id="theirs")
    places = {"organization_id": "evil", "team_id": "theirs", "user_id": "eve"}
    for path in ("/key/generate", "/user/new", "/team/new"):
        for field, taken in places.items():
            if path.split("/")[1] not in field:
                assert await refusals(room, who, path, {field: taken}, {field: "nobody"}) <= {400, 403}


async def refusals(room: Room, who: str, path: str, *bodies: dict[str, str]) -> set[int]:
    """The statuses of these requests, whose answers must be the same but for the id they name, or one made up for them."""
    outs = [await send(room.door, "POST", path, bearer(room.keys[who]), json.dumps(body).encode()) for body in bodies]
    named = [re.escape(next(iter(body.values()))).encode() for body in bodies]
    told = [re.sub(rb"'(%b|[ktu]-\d+)'" % name, b"ID", out.body) for out, name in zip(outs, named, strict=True)]
    assert len(set(told)) == 1, told
    return {out.status for out in outs}


OF_SEARCH = {"team:search", "user:member", "user:team_admin", "key:members"}
BUDGETS_SEEN = {
    "owner": {"org:acme", "org:evil", "team:ads", "user:viewer", *OF_SEARCH},
    "viewer": {"org:acme", "org:evil", "team:ads", "user:viewer", *OF_SEARCH},
    "tenant_admin": {"org:acme", "team:ads", *OF_SEARCH},
    "team_viewer": OF_SEARCH,
    "team_admin": OF_SEARCH,
    "member": {"user:member", "key:members"},
}
RESETS = {"owner": BUDGETS_SEEN["owner"], "tenant_admin": {"team:ads", *OF_SEARCH}}


async def spread_budgets(room: Room) -> dict[str, str]:
    """A budget on every level of two organisations and of none; bucket to budget id."""
    made = [
        ("/organization/update", {"organization_id": "acme"}),
        ("/organization/new", {"organization_id": "evil"}),
        ("/team/new", {"team_id": "ads", "organization_id": "acme"}),
        ("/team/update", {"team_id": "search"}),
        *(("/user/update", {"user_id": name}) for name in ("member", "team_admin", "viewer")),
        ("/key/generate", {"user_id": "member", "key_alias": "members"}),
    ]
    found: dict[str, str] = {}
    for path, fields in made:
        body = json.dumps({**fields, "max_budget": 1}).encode()
        out = await send(room.door, "POST", path, bearer(room.keys["owner"]), body)
        assert out.status == 200, out.body
        (budget,) = json.loads(out.body)["budgets"]
        bucket = budget["budget_id"].removesuffix(":total")
        found["key:members" if bucket.startswith("key:") else bucket] = budget["budget_id"]
    return found


@pytest.mark.parametrize("who", BUDGETS_SEEN)
async def test_everybody_sees_the_budgets_that_are_theirs_and_no_other_and_admins_alone_reset_them(
    room: Room, who: str
) -> None:
    budgets, key = await spread_budgets(room), bearer(room.keys[who])
    listed = await send(room.door, "GET", "/budget/list", key)
    assert {row["budget_id"] for row in json.loads(listed.body)} == {budgets[name] for name in BUDGETS_SEEN[who]}
    absent = await send(room.door, "GET", "/budget/info", key, query=b"budget_id=team:none:total")
    for name, budget_id in budgets.items():
        out = await send(room.door, "GET", "/budget/info", key, query=f"budget_id={budget_id}".encode())
        reset = await send(room.door, "POST", "/budget/reset", key, json.dumps({"budget_id": budget_id}).encode())
        if name in BUDGETS_SEEN[who]:
            assert out.status == 200, name
            assert reset.status == (200 if name in RESETS.get(who, ()) else 403), name
        else:
            assert out.status == reset.status == absent.status == 404, name
            assert out.body.replace(budget_id.encode(), b"team:none:total") == absent.body


async def test_the_owner_gets_through_so_that_the_tests_above_say_something(room: Room) -> None:
    looks = [(method, path) for method, path in room.routes() if method == "GET"]
    statuses = [(await send(room.door, method, path, bearer(room.keys["owner"]))).status for method, path in looks]
    assert set(statuses) <= {200, 400, 404}
    assert statuses.count(200) >= 8
    made = await send(room.door, "POST", "/key/generate", bearer(room.keys["owner"]), b'{"user_id": "member"}')
    assert made.status == 200


async def test_no_answer_shows_a_key_that_was_handed_out_before(room: Room) -> None:
    for method, path in room.routes():
        if method == "GET":
            out = await send(room.door, method, path, bearer(room.keys["owner"]))
            assert not [name for name, key in room.keys.items() if key.encode() in out.body], path
            assert not [name for name, value in header_lines(out.headers) if b"sk-tn-" in value], path


def header_lines(headers: dict[bytes, bytes]) -> Headers:
    return tuple(headers.items())


def example_bodies(room: Room) -> dict[tuple[str, str], bytes]:
    """A body that each route understands, from the app's own description."""
    described = room.app.openapi()
    found: dict[tuple[str, str], bytes] = {}
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                example = make_example(content["schema"], described["components"]["schemas"])
                body = json.dumps(example).encode()
                found[method.upper(), path.replace("{name}", "t")] = (
                    body.replace(b'"member"', b'"newcomer"') if path.endswith("/new") else body
                )
    return found


def make_example(schema: dict[str, Any], named: dict[str, Any]) -> Any:
    """One value of a JSON schema: what's required, and nothing else but something to change."""
    if "$ref" in schema:
        return make_example(named[schema["$ref"].rpartition("/")[2]], named)
    for choice in ("anyOf", "oneOf", "allOf"):
        if choice in schema:
            return make_example(schema[choice][0], named)
    if "const" in schema or "enum" in schema:
        return schema["const"] if "const" in schema else schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties: dict[str, Any] = schema.get("properties", {})
            wanted = [
                *schema.get("required", []),
                *(name for name in ("drained", "user_id", "key_id", "keys") if name in properties),
            ]
            return {name: make_example(properties[name], named) for name in wanted}
        case "array":
            return [make_example(schema.get("items", {"type": "string"}), named)]
        case "integer" | "number":
            return 1
        case "boolean":
            return True
        case _:
            return "member" if schema.get("minLength", 0) <= 6 else "sk-tn-00000000000000000000"
