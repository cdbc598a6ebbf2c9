"""The route's table: what answers where, to whom, and that everything else is refused."""

import json
from dataclasses import replace

import pytest

from tests.fakes import FakeOut, FakeUpstream, answers, head
from tests.gateways import ANSWER, CHAT, LOCAL, STREAM, Rig, catalogue
from turnout.models.access import Principal
from turnout.router.catalogue import ModelRoute
from turnout.serve.config.keys import hash_key
from turnout.serve.metrics import merge, render
from turnout.serve.site import SETTINGS_S, Site


class FakeVitals:
    def __init__(self, reason: str | None = None, is_draining: bool = False) -> None:
        self._reason = reason
        self._is_draining = is_draining
        self.knows = True
        self.asked_s: list[float] = []

    def why_not_ready(self) -> str | None:
        return self._reason

    def is_node_draining(self) -> bool:
        return self._is_draining

    async def has_settings(self, within_s: float) -> bool:
        self.asked_s.append(within_s)
        return self.knows

    async def metrics(self) -> bytes:
        return b"# numbers\n"


async def ask(site: Site, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> FakeOut:
    out = FakeOut()
    await site(head(path.encode(), method.encode(), **headers), body, out)
    return out


def site(vitals: FakeVitals | None = None, is_open: bool = True) -> Site:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL, is_open=is_open))
    return Site(rig.gateway, vitals or FakeVitals())


async def test_models_are_listed_and_shown_to_whoever_has_a_key() -> None:
    listed = json.loads((await ask(site(), "/v1/models")).body)
    assert [(model["id"], model["object"]) for model in listed["data"]] == [("m", "model")]
    assert json.loads((await ask(site(), "/v1/models/m")).body)["id"] == "m"
    assert (await ask(site(), "/v1/models/other")).status == 404
    assert (await ask(site(is_open=False), "/v1/models")).status == 401


async def test_a_name_that_a_wildcard_stands_for_is_shown_and_listed_to_a_key_that_names_it() -> None:
    named = Principal("t", "k", frozenset({"m", "far/one"}))
    config = catalogue(LOCAL, is_open=False)
    models = {**config.models, "far/*": ModelRoute("far/*", (LOCAL,))}
    config = replace(
        config, models=models, keys={hash_key("sk-named"): named, hash_key("sk-any"): Principal("t", "any")}
    )
    wild = Site(Rig(FakeUpstream(), config).gateway, FakeVitals())
    listed = json.loads((await ask(wild, "/v1/models", authorization="Bearer sk-named")).body)
    assert [model["id"] for model in listed["data"]] == ["m", "far/one"]
    listed = json.loads((await ask(wild, "/v1/models", authorization="Bearer sk-any")).body)
    assert [model["id"] for model in listed["data"]] == ["m"], "a name that can't be asked for isn't a model"
    shown = await ask(wild, "/v1/models/far/one", authorization="Bearer sk-named")
    assert json.loads(shown.body)["id"] == "far/one"
    assert (await ask(wild, "/v1/models/far/two", authorization="Bearer sk-named")).status == 404


async def test_a_router_that_has_no_settings_yet_waits_for_them_and_then_says_so_instead_of_refusing_a_key() -> None:
    vitals = FakeVitals()
    vitals.knows = False
    fresh = site(vitals, is_open=False)
    for path, method, body in (("/v1/chat/completions", "POST", CHAT), ("/v1/models", "GET", b"")):
        out = await ask(fresh, path, method, body)
        assert (out.status, out.headers[b"retry-after"]) == (503, b"1")
    assert vitals.asked_s == [SETTINGS_S, SETTINGS_S]
    assert (await ask(fresh, "/health/live")).status == 200
    vitals.knows = True
    assert (await ask(fresh, "/v1/models")).status == 401
    await ask(fresh, "/v1/models")
    assert len(vitals.asked_s) == 3, "it isn't asked again once there are settings"


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/chat/completions/", "/v1/../metrics", "/admin/status", "/internal/watch", "/v1/responses"]
)
async def test_paths_that_are_not_in_the_table_are_refused(path: str) -> None:
    out = await ask(site(), path)
    assert out.status == 404
    assert set(json.loads(out.body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    ("path", "method"),
    [("/v1/chat/completions", "GET"), ("/v1/models", "POST"), ("/metrics", "DELETE"), ("/v1/models/m", "PUT")],
)
async def test_the_wrong_method_names_the_right_one(path: str, method: str) -> None:
    out = await ask(site(), path, method)
    assert out.status == 405
    assert json.loads(out.body)["error"]["message"].endswith(("use GET.", "use POST."))


async def test_health_tells_live_from_ready_and_kubernetes_gets_its_word() -> None:
    assert (await ask(site(FakeVitals("no config yet")), "/health/live")).status == 200
    waiting = await ask(site(FakeVitals("no config yet")), "/health/ready")
    assert (waiting.status, json.loads(waiting.body)["reason"]) == (503, "no config yet")
    assert (await ask(site(), "/health/ready")).status == 200
    assert (await ask(site(), "/-/healthz")).body == b"success"
    assert (await ask(site(FakeVitals(is_draining=True)), "/-/healthz")).status == 503


async def test_requests_for_models_go_down_the_line() -> None:
    out = await ask(site(), "/v1/chat/completions", "POST", CHAT)
    assert (out.status, out.body) == (200, ANSWER)


async def test_metrics_of_two_replicas_merge_into_one_text_without_repeated_families() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    await rig.post()
    await rig.post()
    await rig.post(STREAM.replace(b'"m"', b'"nobody"'))
    text = merge([render(rig.observer, "r1"), render(rig.observer, "r2")]).decode()
    labels = 'gen_ai_request_model="m",replica="%s",status="200",turnout_target="local"'
    assert "turnout_requests_total{%s} 2.0" % (labels % "r1") in text
    assert "turnout_requests_total{%s} 2.0" % (labels % "r2") in text
    assert text.count("# TYPE turnout_requests_total counter") == 1
    assert 'gen_ai_server_request_duration_seconds_bucket{gen_ai_request_model="m",le="+Inf"' in text
    assert 'turnout_refused_total{replica="r1",status="404"} 1.0' in text
    assert "hi" not in [word.strip('"') for word in text.split()], "no prompt in metrics"


async def test_a_callers_request_id_comes_back_from_every_route_only_if_it_is_well_formed() -> None:
    assert (await ask(site(), "/nowhere", x_request_id="abc-1")).headers[b"x-request-id"] == b"abc-1"
    assert b"x-request-id" not in (await ask(site(), "/nowhere", x_request_id="a b")).headers
    assert b"x-request-id" not in (await ask(site(), "/nowhere")).headers
