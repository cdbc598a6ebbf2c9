"""The request line as a whole, over a scripted upstream."""

import asyncio
import hashlib
import json
from dataclasses import replace

import pytest

from tests.fakes import FakeOut, FakeUpstream, answers, fails, head, outcome, refuses, streams
from tests.gateways import ANSWER, CHAT, LOCAL, REMOTE, STREAM, Rig, catalogue
from turnout.models.access import Principal
from turnout.models.errors import ContentFiltered
from turnout.models.exchange import Out, RequestHead
from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.target import Target
from turnout.models.upstream import Failure
from turnout.router.call import Call
from turnout.router.catalogue import Degrade
from turnout.router.stages import CacheHit, Execute, Visit
from turnout.router.values import Features

TEXT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


def error_of(out: FakeOut) -> dict[str, object]:
    error: dict[str, object] = json.loads(out.body)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


async def test_a_unary_answer_passes_with_the_targets_model_name_and_the_gateways_facts() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    out = await rig.post(x_request_id="abc-1")
    assert (out.status, out.body) == (200, ANSWER)
    sent = json.loads(rig.upstream.calls[0][1].body)
    assert sent == {"model": "up-m", "messages": [{"role": "user", "content": "hi"}]}
    assert out.headers[b"x-request-id"] == b"abc-1"
    assert out.headers[b"x-turnout-target"] == b"local"
    assert out.headers[b"x-turnout-attempts"] == b"1"
    assert b"x-turnout-cost" not in out.headers, "a price that isn't known is never shown as 0"


async def test_every_attempt_is_a_ledger_row_with_tokens_and_exact_cost() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(REMOTE))
    out = await rig.post()
    (row,) = rig.sink.entries
    assert (row.request_id, row.attempt, row.target, row.status) == ("req-1", 1, "remote", 200)
    assert (row.input_tokens, row.output_tokens, row.usage_source) == (21, 50, "provider")
    assert row.cost_nusd == 21 * 2000 + 50 * 8000
    assert out.headers[b"x-turnout-cost"] == b"0.000442000"


async def test_a_stream_asks_for_usage_and_hides_it_from_a_client_that_did_not() -> None:
    text = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    finish = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":1}}\n\n'
    rig = Rig(FakeUpstream(streams(text, finish, usage, b"data: [DONE]\n\n")))
    out = await rig.post(STREAM)
    assert out.body == text + finish + b"data: [DONE]\n\n"
    assert json.loads(rig.upstream.calls[0][1].body)["stream_options"] == {"include_usage": True}
    assert (rig.sink.entries[0].input_tokens, rig.sink.entries[0].output_tokens) == (3, 1)


async def test_a_cut_stream_never_looks_finished() -> None:
    text = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    rig = Rig(FakeUpstream(streams(text, b"data: [DONE]\n\n")), catalogue(LOCAL, continues=False))
    out = await rig.post(STREAM)
    assert b"[DONE]" not in out.body
    last = out.body.removeprefix(text)
    assert json.loads(last.removeprefix(b"data: "))["error"]["type"] == "api_error"
    assert rig.sink.entries[0].usage_source == "estimated", "what reached the client isn't free"


async def test_an_error_event_before_any_text_is_told_by_status() -> None:
    rig = Rig(FakeUpstream(streams(b'data: {"error":{"message":"secret internals"}}\n\n', b"data: [DONE]\n\n")))
    out = await rig.post(STREAM)
    assert out.status == 502
    assert b"secret internals" not in out.body


async def test_an_answer_of_200_that_is_not_json_is_an_upstream_failure() -> None:
    out = await Rig(FakeUpstream(answers(b"<html>please log in</html>"))).post()
    assert out.status == 502
    assert b"log in" not in out.body


async def test_what_was_never_sent_is_sent_to_another_endpoint() -> None:
    rig = Rig(FakeUpstream(fails(Failure.CONNECT), answers(ANSWER)), pools={"pool": ("a", "b")})
    out = await rig.post()
    assert out.status == 200
    assert out.headers[b"x-turnout-attempts"] == b"2"
    assert {call[0].id for call in rig.upstream.calls} == {"a", "b"}
    assert [row.failure for row in rig.sink.entries] == ["connect", ""]


async def test_a_broken_connection_is_tried_elsewhere() -> None:
    rig = Rig(FakeUpstream(fails(Failure.RESET, was_sent=True), answers(ANSWER)), pools={"pool": ("a", "b")})
    out = await rig.post()
    assert out.status == 200
    assert {call[0].id for call in rig.upstream.calls} == {"a", "b"}


async def test_when_every_endpoint_refuses_connections_the_error_says_so() -> None:
    rig = Rig(FakeUpstream(fails(Failure.CONNECT)), pools={"pool": ("a", "b")})
    out = await rig.post()
    assert out.status == 502
    assert len(rig.upstream.calls) == 5  # `max_attempts`; nothing was run


async def test_a_model_without_running_endpoints_is_a_503_with_retry_advice() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), pools={"pool": ()})
    out = await rig.post()
    assert out.status == 503
    assert out.headers[b"retry-after"] == b"1"
    assert rig.upstream.calls == []


@pytest.mark.parametrize(
    ("status", "body", "expected", "code"),
    [
        (400, b'{"error":{"message":"bad temperature","param":"temperature","code":400}}', 400, None),
        (400, b'{"error":{"message":"maximum context length is 10"}}', 400, "context_length_exceeded"),
        (400, b'{"error":{"message":"no","code":"content_filter"}}', 400, "content_filter"),
        (400, b"<html>", 400, None),
        (401, b'{"error":{"message":"sk-secret is wrong"}}', 502, None),
        (404, b'{"error":{"message":"no model"}}', 404, "model_not_found"),
        (429, b"{}", 429, "rate_limit_exceeded"),
        (500, b'{"error":{"message":"trace"}}', 502, None),
        (503, b"", 502, None),
    ],
)
async def test_upstream_refusals_become_typed_errors(status: int, body: bytes, expected: int, code: str | None) -> None:
    rig = Rig(FakeUpstream(refuses(status, body)))
    out = await rig.post()
    assert out.status == expected
    assert error_of(out)["code"] == code
    assert b"secret" not in out.body


async def test_an_upstreams_retry_after_reaches_the_client() -> None:
    rig = Rig(FakeUpstream(refuses(429, headers=((b"retry-after-ms", b"1500"),))))
    out = await rig.post()
    assert (out.headers[b"retry-after"], out.headers[b"retry-after-ms"]) == (b"2", b"1500")


async def test_keys_are_checked_by_hash_and_strangers_learn_nothing() -> None:
    key = Principal("team-a", "k1", frozenset({"m"}))
    config = replace(catalogue(LOCAL, is_open=False), keys={hashlib.blake2b(b"sk-1", digest_size=32).digest(): key})
    rig = Rig(FakeUpstream(answers(ANSWER)), config)
    bodies = set()
    for headers in ({}, {"authorization": "Bearer sk-2"}, {"authorization": "Basic sk-1"}, {"x_api_key": "sk-2"}):
        out = await rig.post(b"not even json", **headers)
        assert out.status == 401
        bodies.add(out.body)
    assert len(bodies) == 1
    for headers in ({"authorization": "Bearer sk-1"}, {"x_api_key": "sk-1"}, {"api_key": "sk-1"}):
        assert (await rig.post(**headers)).status == 200
    assert rig.sink.entries[0].tenant == "team-a"


async def test_a_model_the_key_may_not_use_looks_like_one_that_does_not_exist() -> None:
    key = Principal("team-a", "k1", frozenset({"other"}))
    config = replace(catalogue(LOCAL, is_open=False), keys={hashlib.blake2b(b"sk-1", digest_size=32).digest(): key})
    out = await Rig(FakeUpstream(answers(ANSWER)), config).post(authorization="Bearer sk-1")
    assert (out.status, error_of(out)["code"]) == (404, "model_not_found")


async def test_a_request_labelled_local_never_leaves_by_any_attempt() -> None:
    rig = Rig(FakeUpstream(fails(Failure.CONNECT)), catalogue(LOCAL, REMOTE), {"pool": ("a", "b")})
    out = await rig.post(x_turnout_residency="local")
    assert out.status == 502
    assert {call[0].id for call in rig.upstream.calls} == {"a", "b"}


@pytest.mark.parametrize(
    ("targets", "label", "code"),
    [
        ((REMOTE,), "local", "not_local"),
        ((LOCAL, REMOTE), "eu,ch", "not_in_region"),
        ((REMOTE,), "no-retention", "keeps_prompts"),
    ],
)
async def test_a_prompt_that_residency_leaves_no_place_for_is_a_decision_in_the_audit_log(
    targets: tuple[Target, ...], label: str, code: str
) -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(*targets))
    assert (await rig.post(x_turnout_residency=label)).status == 400
    (event,) = rig.sink.events
    assert (event.actor, event.action, event.subject) == ("anonymous", "residency.refuse", "prompt")
    assert json.loads(event.detail) == {"reason": code}


async def test_a_local_place_that_rests_is_no_reason_to_let_a_prompt_out_and_that_is_told_too() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL, REMOTE))
    rig.fleet.all_candidates()["local", "a"].out_until = rig.clock.now() + 60
    assert (await rig.post(x_turnout_residency="local")).status == 503
    assert [event.action for event in rig.sink.events] == ["residency.refuse"]
    await rig.post(x_turnout_residency="local")
    assert len(rig.sink.events) == 1


async def test_a_refusal_that_residency_has_no_part_in_is_no_decision_of_it() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL), {})
    assert (await rig.post(x_turnout_residency="local")).status == 503
    assert rig.sink.events == []


@pytest.mark.parametrize(
    "headers",
    [
        {"x_turnout_residency": "local,eu"},
        {"x_turnout_residency": "e u"},
        {"x_turnout_timeout_s": "soon"},
        {"x_turnout_timeout_s": "0"},
    ],
)
async def test_a_header_of_ours_that_makes_no_sense_is_refused(headers: dict[str, str]) -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    assert (await rig.post(**headers)).status == 400
    assert rig.upstream.calls == []


async def test_a_callers_time_limit_shortens_the_models_and_never_lengthens_it() -> None:
    rig = Rig(FakeUpstream(streams(TEXT, FINISH)))
    await rig.post(STREAM, x_turnout_timeout_s="1.5")
    await rig.post(STREAM, x_turnout_timeout_s="9999")
    assert [call[2].total_at - rig.clock.now() for call in rig.upstream.calls] == [1.5, 600.0]


async def test_a_client_that_leaves_gives_everything_back_and_is_billed_for_what_it_got() -> None:
    begun = asyncio.Event()

    async def hang(endpoint: object, request: object, out: Out) -> object:
        out.start(200, ((b"content-type", b"text/event-stream"),))
        out.write(b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n')
        begun.set()
        await asyncio.Event().wait()
        return outcome()

    rig = Rig(FakeUpstream(hang))  # type: ignore[arg-type]
    task = asyncio.create_task(rig.post(STREAM))
    await begun.wait()
    (candidate,) = rig.fleet.candidates("m")
    assert (candidate.in_flight, rig.observer.in_flight) == (1, 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (candidate.in_flight, rig.observer.in_flight) == (0, 0)
    (row,) = rig.sink.entries
    assert (row.failure, row.output_tokens, row.usage_source) == ("client_left", 1, "estimated")


async def test_a_body_over_a_mebibyte_is_read_on_a_thread_with_the_same_result() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    large = CHAT.replace(b"hi", b"x" * (1024 * 1024))
    assert (await rig.post(large)).status == 200
    assert (await rig.post(large[:-1])).status == 400


async def test_an_operation_that_the_model_does_not_serve_is_refused_by_name() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    out = await rig.post(b'{"model":"m","input":"x"}', Operation.EMBEDDINGS)
    assert out.status == 400
    assert "embeddings" in str(error_of(out)["message"])


async def test_an_engines_load_in_the_head_of_its_answer_is_remembered() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER, headers=((b"x-turnout-load", b"3 1 0.250 77"),))))
    await rig.post()
    (candidate,) = rig.fleet.candidates("m")
    assert candidate.load is not None
    assert (candidate.load.running, candidate.load.waiting, candidate.load.prefill_tokens) == (3, 1, 77)


class UpperGuard:
    """A guard that refuses one word and masks answers."""

    async def check(self, request: ApiRequest, principal: Principal) -> ApiRequest:
        if b"bomb" in bytes(request.fields["messages"]):
            raise ContentFiltered("The prompt is refused by policy.")
        return request

    def watch(self, request: ApiRequest, out: Out) -> Out:
        return _Upper(out)


class _Upper:
    def __init__(self, out: Out) -> None:
        self._out = out
        self.start, self.end = out.start, out.end

    def full(self, status: int, headers: object, body: bytes) -> None:
        self._out.full(status, headers, body.upper())  # type: ignore[arg-type]

    def write(self, chunk: bytes) -> "asyncio.Future[None] | None":
        return self._out.write(chunk.upper())


class OneAnswerCache:
    """A cache that keeps the last unary answer as it passed, and gives it back to every call."""

    def __init__(self) -> None:
        self.kept: bytes | None = None
        self.stale: bytes | None = None

    def visit(self, call: Call, head: RequestHead) -> Visit:
        return self

    async def find(self) -> CacheHit | None:
        return None if self.kept is None else CacheHit((), self.kept, "cached", 3.0)

    async def find_stale(self) -> CacheHit | None:
        return None if self.stale is None else CacheHit((), self.stale, "cached", 900.0)

    async def run(self, out: Out, execute: Execute) -> None:
        await execute(_Keep(self, out))


class _Keep:
    def __init__(self, cache: OneAnswerCache, out: Out) -> None:
        self._cache, self._out = cache, out
        self.start, self.write, self.end = out.start, out.write, out.end

    def full(self, status: int, headers: object, body: bytes) -> None:
        self._cache.kept = body
        self._out.full(status, headers, body)  # type: ignore[arg-type]


class SystemShape:
    """Puts nothing but a marker into the request."""

    async def shape(self, request: ApiRequest, features: Features) -> ApiRequest:
        import msgspec

        return msgspec.structs.replace(request, fields={**request.fields, "seed": msgspec.Raw(b"7")})


async def test_stages_that_come_later_are_implementations_and_the_guard_lies_outside_the_cache() -> None:
    cache = OneAnswerCache()
    rig = Rig(FakeUpstream(answers(ANSWER)), guard=UpperGuard(), cache=cache, shape=SystemShape())
    assert (await rig.post()).body == ANSWER.upper()
    assert cache.kept == ANSWER, "the cache holds what came, not what the guard made of it"
    assert json.loads(rig.upstream.calls[0][1].body)["seed"] == 7
    hit = await rig.post()
    assert (hit.body, hit.headers[b"x-turnout-target"], hit.headers[b"age"]) == (ANSWER.upper(), b"cached", b"3")
    assert len(rig.upstream.calls) == 1
    refused = await rig.post(CHAT.replace(b"hi", b"bomb"))
    assert (refused.status, error_of(refused)["code"]) == (400, "content_filter")


async def test_without_a_target_a_stale_answer_is_given_and_says_what_it_is() -> None:
    cache = OneAnswerCache()
    cache.stale = b"old"
    out = await Rig(FakeUpstream(answers(ANSWER)), pools={"pool": ()}, cache=cache).post()
    assert (out.status, out.body, out.headers[b"age"]) == (200, b"old", b"900")
    assert out.headers[b"x-turnout-degraded"] == b"stale"


async def test_no_stale_answer_is_given_where_the_config_does_not_want_any() -> None:
    cache = OneAnswerCache()
    cache.stale = b"old"
    config = catalogue(LOCAL, degrade=Degrade(stale=False))
    assert (await Rig(FakeUpstream(answers(ANSWER)), config, pools={"pool": ()}, cache=cache).post()).status == 503


async def test_a_malformed_request_id_of_the_caller_is_replaced() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    for bad in ("a b", "x" * 129, "é"):
        out = FakeOut()
        await rig.gateway.handle(Operation.CHAT, head(x_request_id=bad), CHAT, out)
        assert out.headers[b"x-request-id"].startswith(b"req-")


async def test_the_ledgers_key_is_never_the_callers_request_id() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    await rig.post(x_request_id="same")
    await rig.post(x_request_id="same")
    assert [row.request_id for row in rig.sink.entries] == ["req-1", "req-2"]


async def test_what_policy_refuses_goes_into_the_audit_log() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER)))
    assert (await rig.post(CHAT.replace(b'"m"', b'"secret-name"'))).status == 404
    (event,) = rig.sink.events
    assert (event.actor, event.action, event.subject) == ("anonymous", "model.refuse", "model")
    assert "secret-name" not in event.detail, "a caller's own words would make a row for each"
