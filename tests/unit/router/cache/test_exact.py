"""The exact cache in the request line, over a scripted upstream."""

import json
from dataclasses import replace

import pytest

from tests.caches import POLICY, WHOLE, CacheRig
from tests.fakes import FakeOut, FakeUpstream, answers, refuses, streams
from tests.gateways import CHAT, LOCAL, REMOTE, STREAM, catalogue
from turnout.models.openai.request import Operation
from turnout.models.target import Target
from turnout.models.upstream import Failure
from turnout.router.cache.epochs import EVERYTHING, EpochPage, slot_of
from turnout.router.cache.policy import Scope
from turnout.router.catalogue import Catalogue, Fallbacks, ModelRoute


def chunk(choices: str, usage: str = "") -> bytes:
    identity = '"id":"c-1","object":"chat.completion.chunk","created":7,"model":"up-m"'
    return f'data: {{{identity},"choices":[{choices}]{usage}}}\n\n'.encode()


STREAMED = (
    chunk('{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}'),
    chunk('{"index":0,"delta":{"content":"yes"},"finish_reason":null}'),
    chunk('{"index":0,"delta":{},"finish_reason":"stop"}'),
    chunk("", ',"usage":{"prompt_tokens":21,"completion_tokens":50,"total_tokens":71}'),
    b"data: [DONE]\n\n",
)


def said(out: FakeOut) -> tuple[bytes | None, bytes | None]:
    return out.headers.get(b"x-turnout-cache"), out.headers.get(b"x-turnout-cache-reason")


def with_fields(**fields: object) -> bytes:
    return json.dumps({**json.loads(CHAT), **fields}).encode()


async def test_the_second_of_two_equal_requests_is_answered_without_a_model_and_says_how() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)))
    first = await rig.post()
    assert said(first) == (b"miss", None)
    rig.clock.advance(5)
    second = await rig.post(x_request_id="mine")
    assert said(second) == (b"hit-exact", None)
    assert (second.status, second.body, second.headers[b"age"]) == (200, WHOLE, b"5")
    assert second.headers[b"x-turnout-target"] == b"local"
    assert second.headers[b"x-request-id"] == b"mine"
    assert second.headers[b"x-turnout-cache-key"] == first.headers[b"x-turnout-cache-key"]
    assert len(rig.upstream.calls) == 1


async def test_a_hit_is_a_row_of_the_ledger_that_costs_nothing_and_counts_what_it_saved() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)), config=catalogue(REMOTE, cache=POLICY))
    await rig.post()
    await rig.post()
    (row,) = rig.sink.entries
    assert (row.request_id, row.attempt, row.target, row.usage_source, row.cost_nusd) == (
        "req-2",
        0,
        "remote",
        "cached",
        0,
    )
    assert rig.count("turnout_cache_hits") == 1
    assert rig.count("turnout_cache_saved_tokens", gen_ai_token_type="output") == 50
    assert rig.count("turnout_cache_saved_usd") == pytest.approx((21 * 2000 + 50 * 8000) / 1e9)


async def test_one_kept_answer_serves_streams_and_whole_answers_whichever_came_first() -> None:
    for first, second in ((CHAT, STREAM), (STREAM, CHAT)):
        rig = CacheRig(FakeUpstream(answers(WHOLE) if first == CHAT else streams(*STREAMED)))
        await rig.post(first)
        hit = await rig.post(second)
        assert said(hit) == (b"hit-exact", None)
        if second == CHAT:
            assert json.loads(hit.body) == json.loads(WHOLE), "with the usage that the stream's client hadn't asked for"
        else:
            assert hit.headers[b"content-type"] == b"text/event-stream"
            assert hit.body.endswith(b"data: [DONE]\n\n")
            assert b'"usage"' not in hit.body, "this client hasn't asked for it"


async def test_a_model_without_a_policy_has_no_cache_and_says_nothing_of_it() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)), config=catalogue(LOCAL))
    await rig.post()
    assert said(await rig.post()) == (None, None)
    assert len(rig.upstream.calls) == 2


async def test_an_answer_past_its_time_is_asked_for_again() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)), replace(POLICY, ttl_s=10))
    await rig.post()
    rig.clock.advance(9.9)
    assert said(await rig.post())[0] == b"hit-exact"
    rig.clock.advance(0.2)
    assert said(await rig.post())[0] == b"miss"


async def test_when_nothing_can_answer_the_answer_past_its_time_does_and_says_what_it_is() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)), replace(POLICY, ttl_s=10, stale_s=100))
    await rig.post()
    rig.rig.fleet.set_pool("pool", ())
    rig.clock.advance(60)
    stale = await rig.post()
    assert (stale.status, stale.body, stale.headers[b"age"]) == (200, WHOLE, b"60")
    assert stale.headers[b"x-turnout-degraded"] == b"stale"
    assert (await rig.post(STREAM)).headers[b"x-turnout-degraded"] == b"stale"
    assert (await rig.post(cache_control="no-cache")).status == 503
    rig.clock.advance(60)
    assert (await rig.post()).status == 503, "it is too old even for that"


async def test_when_every_breaker_is_open_the_answer_past_its_time_does() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE), refuses(500)), replace(POLICY, ttl_s=10))
    await rig.post()
    rig.clock.advance(20)
    for _ in range(30):
        out = await rig.post()
        assert (out.status, out.headers[b"x-turnout-degraded"]) == (200, b"stale")


@pytest.mark.parametrize(
    ("fields", "headers", "reason"),
    [
        ({"temperature": 0.9}, {}, b"temperature"),
        ({"messages": [{"role": "user", "content": "What's the WEATHER in Rome?"}]}, {}, b"time"),
        ({"cache": {"no-cache": True, "no-store": True}}, {}, b"asked"),
        ({}, {"cache_control": "no-cache, no-store"}, b"asked"),
        ({"provider": {"data_collection": "deny"}}, {}, b"private"),
        ({"web_search_options": {}}, {}, b"media"),
    ],
)
async def test_what_must_not_come_from_the_cache_passes_it_by_and_says_why(
    fields: dict[str, object], headers: dict[str, str], reason: bytes
) -> None:
    config = catalogue(replace(LOCAL, keeps_prompts=False), cache=POLICY)
    rig = CacheRig(FakeUpstream(answers(WHOLE)), config=config)
    for _ in range(2):
        assert said(await rig.post(with_fields(**fields), **headers)) == (b"bypass", reason)
    assert len(rig.upstream.calls) == 2
    assert rig.count("turnout_cache_bypassed", reason=reason.decode()) == 2


async def test_a_policy_can_leave_keys_out_and_ask_for_personal_fields() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)), replace(POLICY, excluded=frozenset({"anonymous"})))
    assert said(await rig.post()) == (b"bypass", b"excluded")
    rig = CacheRig(FakeUpstream(answers(WHOLE)), replace(POLICY, personal=("user",)))
    assert said(await rig.post()) == (b"bypass", b"personal")
    assert said(await rig.post(with_fields(user="ann")))[0] == b"miss"
    assert said(await rig.post(with_fields(user="ann")))[0] == b"hit-exact"
    assert said(await rig.post(with_fields(user="bob")))[0] == b"miss"


async def test_no_cache_asks_anew_and_keeps_what_comes_and_no_store_finds_and_keeps_nothing() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE), answers(WHOLE.replace(b"yes", b"new"))))
    await rig.post(with_fields(cache={"no-store": True}))
    assert said(await rig.post())[0] == b"miss"
    assert said(await rig.post(with_fields(cache={"no-store": True})))[0] == b"hit-exact"
    rig = CacheRig(FakeUpstream(answers(WHOLE), answers(WHOLE.replace(b"yes", b"new"))))
    await rig.post()
    assert said(await rig.post(cache_control="No-Cache"))[0] == b"miss"
    assert b"new" in (await rig.post()).body


async def test_a_caller_can_shorten_a_life_and_refuse_what_is_old_and_has_namespaces_of_its_own() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)))
    await rig.post(with_fields(cache={"ttl": 5}))
    rig.clock.advance(4)
    assert said(await rig.post(cache_control="max-age=3"))[0] == b"miss"
    rig.clock.advance(4)
    assert said(await rig.post(with_fields(cache={"s-maxage": 3})))[0] == b"miss"
    assert said(await rig.post(with_fields(cache={"namespace": "a"})))[0] == b"miss"
    assert said(await rig.post(with_fields(cache={"namespace": "a"})))[0] == b"hit-exact"
    assert said(await rig.post(with_fields(cache={"namespace": "b"})))[0] == b"miss"


async def test_wishes_that_cannot_be_understood_are_refused_with_what_there_is() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)))
    for wrong in ({"ttl": -1}, {"tll": 5}, {"namespace": "a b"}, 7):
        out = await rig.post(with_fields(cache=wrong))
        assert (out.status, json.loads(out.body)["error"]["param"]) == (400, "cache")


@pytest.mark.parametrize(
    "body",
    [
        WHOLE.replace(b'"stop"', b'"length"'),
        WHOLE.replace(b'"stop"', b'"content_filter"'),
        WHOLE.replace(b'"content":"yes"', b'"content":null,"refusal":"no"'),
    ],
)
async def test_an_answer_that_is_cut_filtered_or_refused_is_not_kept(body: bytes) -> None:
    rig = CacheRig(FakeUpstream(answers(body)))
    await rig.post()
    assert said(await rig.post())[0] == b"miss"


async def test_an_answer_cut_where_the_caller_wanted_is_kept() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE.replace(b'"stop"', b'"length"'))))
    await rig.post(with_fields(max_tokens=3))
    assert said(await rig.post(with_fields(max_tokens=3)))[0] == b"hit-exact"


async def test_a_stream_that_broke_is_not_kept_and_neither_is_an_answer_that_is_too_large() -> None:
    rig = CacheRig(FakeUpstream(streams(*STREAMED[:2], failure=Failure.RESET)))
    await rig.post(STREAM)
    assert said(await rig.post(STREAM))[0] == b"miss"
    rig = CacheRig(FakeUpstream(answers(WHOLE)), replace(POLICY, answer_bytes=100))
    await rig.post()
    assert said(await rig.post())[0] == b"miss"


async def test_what_a_fallback_answered_is_not_kept() -> None:
    other = Target("other", "far-n", "openai_compatible")
    config = catalogue(REMOTE, other)
    models = {
        "m": ModelRoute("m", (REMOTE,), cache=POLICY, fallbacks=Fallbacks(any_error=("n",))),
        "n": ModelRoute("n", (other,)),
    }
    config = Catalogue("v1", models, config.fixed_endpoints, is_open=True)
    rig = CacheRig(FakeUpstream(*[refuses(500)] * 3, answers(WHOLE)), config=config)
    first = await rig.post()
    assert first.headers[b"x-turnout-target"] == b"other"
    assert said(await rig.post())[0] == b"miss"


async def test_a_purge_of_anything_an_answer_depends_on_makes_it_void_and_nothing_else() -> None:
    tagged = with_fields(cache={"tags": ["doc-1"], "namespace": "n"})
    for slot in (
        EVERYTHING,
        slot_of("tag", "doc-1"),
        slot_of("namespace", "n"),
        slot_of("model", "m"),
        slot_of("tenant", "anonymous"),
    ):
        rig = CacheRig(FakeUpstream(answers(WHOLE)))
        await rig.post(tagged)
        rig.purge(slot_of("tag", "doc-2"))
        assert said(await rig.post(tagged))[0] == b"hit-exact"
        rig.purge(slot)
        assert said(await rig.post(tagged))[0] == b"miss"
        assert said(await rig.post(tagged))[0] == b"hit-exact", "what came after the purge is good"


async def test_what_was_purged_is_not_given_as_stale_either() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)), replace(POLICY, ttl_s=10))
    await rig.post()
    rig.clock.advance(60)
    rig.purge(slot_of("model", "m"))
    rig.rig.fleet.set_pool("pool", ())
    assert (await rig.post()).status == 503


async def test_nothing_is_found_before_anybody_knows_what_was_purged() -> None:
    rig = CacheRig(FakeUpstream(answers(WHOLE)))
    await rig.post()
    rig.cache.page = EpochPage()  # it hasn't heard from Control
    assert said(await rig.post())[0] == b"miss"


async def test_scopes_within_a_tenant_keep_answers_apart() -> None:
    for scope in (Scope.KEY, Scope.USER):
        rig = CacheRig(FakeUpstream(answers(WHOLE)), replace(POLICY, scope=scope))
        await rig.post()
        assert said(await rig.post())[0] == b"hit-exact"


async def test_embeddings_are_kept_too() -> None:
    target = Target("local", "up-m", "openai_compatible", pool="pool", is_local=True)
    config = catalogue(target, cache=POLICY, operations=frozenset({"embeddings"}))
    body = b'{"object":"list","data":[{"embedding":[0.1]}],"usage":{"prompt_tokens":3}}'
    rig = CacheRig(FakeUpstream(answers(body)), config=config)
    asked = b'{"model":"m","input":"weather today"}'
    await rig.post(asked, Operation.EMBEDDINGS)
    hit = await rig.post(asked, Operation.EMBEDDINGS)
    assert (said(hit)[0], hit.body) == (b"hit-exact", body)
