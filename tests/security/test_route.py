"""The route: who has no key gets nothing but health and numbers, on every path and by every method, and always the same refusal."""

import json
from dataclasses import replace

import pytest

from tests.fakes import FakeOut, FakeUpstream, answers
from tests.gateways import ANSWER, CHAT, LOCAL, Rig, catalogue
from tests.security.doors import METHODS, STRANGERS, send
from turnout.models.access import Principal
from turnout.router.directory import Directory, KeyChanges
from turnout.router.idempotency.in_memory import Bounds, MemoryStore
from turnout.router.idempotency.replays import Replays
from turnout.serve.config.keys import hash_key
from turnout.serve.site import Site

OPEN = {"/health/live", "/health/ready", "/-/healthz", "/metrics"}
"""What needs no key. Not by the route's own word: a new path belongs here only after a thought."""
ELSEWHERE = ("/", "/v1", "/v1/", "/v1/models/", "//v1/models", "/V1/models", "/v1/models%2fm", "/v1/../metrics", "/admin/status",
             "/internal/watch", "/internal/journal", "/docs", "/openapi.json", "/api/jobs/", "/_mock/script", "/.env")  # fmt: skip
KEY = "sk-0123456789"
PRINCIPALS = {
    "valid": Principal("t", "valid"),
    "expired": Principal("t", "expired", expires_at_s=1.0),
    "blocked": Principal("t", "blocked", is_blocked=True),
    "no models": Principal("t", "none", frozenset()),
    "no operations": Principal("t", "ops", allowed_operations=frozenset()),
}


class Vitals:
    def why_not_ready(self) -> str | None:
        return None

    def is_node_draining(self) -> bool:
        return False

    async def has_settings(self, within_s: float) -> bool:
        return True

    async def metrics(self) -> bytes:
        return b"# numbers\n"


def rig() -> Rig:
    keys = {hash_key(f"sk-{name}"): principal for name, principal in PRINCIPALS.items()}
    replays = Replays(MemoryStore(Bounds(), lambda: 0.0), 1 << 20)
    made = Rig(FakeUpstream(answers(ANSWER)), replace(catalogue(LOCAL, is_open=False), keys=keys), replays=replays)
    made.directory.take(KeyChanges(1, None, {}))
    return made


def site(made: Rig | None = None) -> Site:
    return Site((made or rig()).gateway, Vitals())


def paths(of: Site) -> list[str]:
    """Every path that the route has, by its own tables."""
    return sorted({path.decode() for path in (*of._table, *of._operations)} | {"/v1/models/m"})


def bearer(name: str) -> dict[bytes, bytes]:
    return {b"authorization": f"Bearer sk-{name}".encode()}


@pytest.mark.parametrize("who", [*STRANGERS, "expired"])
async def test_a_stranger_gets_nothing_from_any_path_by_any_method(who: str) -> None:
    made = rig()
    route = site(made)
    headers = STRANGERS.get(who) or (bearer(who) if who in PRINCIPALS else {})
    for path in (*paths(route), *ELSEWHERE):
        for method in METHODS:
            for body in (CHAT, b"", b"{not json"):
                out = await send(route, method, path, headers, body)
                if path in OPEN and method in ("GET", "HEAD"):
                    assert out.status == 200
                else:
                    assert out.status in (401, 404, 405), f"{method} {path}"
    assert made.upstream.calls == []
    assert made.sink.entries == []


async def test_where_a_method_is_allowed_it_is_the_key_that_is_missing() -> None:
    route = site()
    for path in paths(route):
        statuses = {(await send(route, method, path, {}, CHAT)).status for method in METHODS}
        assert statuses == ({200, 405} if path in OPEN else {401, 405}), path


@pytest.mark.parametrize("who", ["blocked", "no models", "no operations"])
async def test_a_key_that_may_do_nothing_gets_nothing(who: str) -> None:
    made = rig()
    route = site(made)
    for path in paths(route):
        for method in METHODS:
            out = await send(route, method, path, bearer(who), CHAT)
            if path in OPEN and method in ("GET", "HEAD"):
                continue
            shows_empty_list = path.startswith("/v1/models") and method in ("GET", "HEAD") and who != "blocked"
            assert out.status in (400, 401, 403, 404, 405) or shows_empty_list, f"{method} {path}"
            if shows_empty_list and who == "no models" and path == "/v1/models":
                assert json.loads(out.body)["data"] == []
    assert made.upstream.calls == []


async def refusals(method: str, path: str, body: bytes = CHAT, **more: bytes) -> list[FakeOut]:
    strangers = [*STRANGERS.values(), bearer("expired")]
    extra = {b"x-request-id": b"r-1", **{name.replace("_", "-").encode(): value for name, value in more.items()}}
    return [await send(site(), method, path, {**headers, **extra}, body) for headers in strangers]


async def test_every_401_is_the_same_byte_for_byte() -> None:
    outs = [
        *await refusals("POST", "/v1/chat/completions"),
        *await refusals("POST", "/v1/chat/completions", b"{not json"),
        *await refusals("POST", "/v1/chat/completions", b'{"model":"none"}'),
        *await refusals("POST", "/v1/embeddings"),
        *await refusals("POST", "/v1/chat/completions", idempotency_key=b"k-1"),
        *await refusals("POST", "/v1/chat/completions", idempotency_key=b"k" * 300),
        *await refusals("POST", "/v1/chat/completions", x_turnout_timeout_s=b"soon"),
        *await refusals("GET", "/v1/models"),
        *await refusals("GET", "/v1/models/m"),
        *await refusals("GET", "/v1/models/none"),
    ]
    assert {out.status for out in outs} == {401}
    assert len({(tuple(sorted(out.headers.items())), out.body) for out in outs}) == 1


async def test_a_valid_key_gets_through_so_that_the_tests_above_say_something() -> None:
    made = rig()
    assert (await send(site(made), "POST", "/v1/chat/completions", bearer("valid"), CHAT)).body == ANSWER
    assert (await send(site(made), "GET", "/v1/models", bearer("valid"))).status == 200


async def test_before_control_has_told_of_its_keys_one_of_them_is_asked_to_come_again() -> None:
    made = rig()
    made.gateway._directory = Directory()
    out = await send(site(made), "POST", "/v1/chat/completions", {b"authorization": b"Bearer sk-tn-abc"}, CHAT)
    assert out.status == 503
