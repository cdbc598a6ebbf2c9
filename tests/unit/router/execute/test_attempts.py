"""Attempts of whole requests over servers that fail: who is asked next, and what the client and the ledger see of it."""

import asyncio
import json

import pytest

from tests.fakes import FakeClock, FakeOut, FakeUpstream, answers, fails, refuses, streams
from tests.fakes_servers import DONE, FINISH, ROLE, Cluster, FakeServers, pool_of, said, say
from tests.gateways import ANSWER, CHAT, LOCAL, REMOTE, STREAM, Rig, catalogue
from turnout.models.exchange import Out
from turnout.models.target import ContinueBy, Endpoint, Target
from turnout.models.upstream import Failure, Outcome, UpstreamRequest
from turnout.router.catalogue import Degrade, Fallbacks, ModelRoute, Retries, Timeouts

A, B = Target("a", "up-a", "openai_compatible"), Target("b", "up-b", "openai_compatible")
PREFILLED = Target("p", "up-p", "openai_compatible", continues_by=ContinueBy.PREFILL)
SECOND = Target("second", "up-2", "openai_compatible", pool="second", is_local=True)
PROMPT_IDS = b":p [1,2,3]\n"
RATE_LIMIT = refuses(429, headers=((b"retry-after", b"1"),))
TOO_LONG = refuses(400, b'{"error":{"message":"too long","code":"context_length_exceeded"}}')
FILTERED = refuses(400, b'{"error":{"message":"no","code":"content_filter"}}')


def with_fallback(first: Target = A, second: Target = B, **lists: tuple[str, ...]) -> Cluster:
    """A model `m` that falls back to `n`."""
    asked = ModelRoute("m", (first,), fallbacks=Fallbacks(**(lists or {"any_error": ("n",)})))
    return Cluster((asked, ModelRoute("n", (second,))))


def rig_of(upstream: FakeUpstream, cluster: Cluster, **pools: tuple[str, ...]) -> Rig:
    """A gateway in front of these servers."""
    return Rig(upstream, cluster.to_catalogue(), pools)


def error_at_end(out: FakeOut) -> dict[str, object]:
    """The error event that a broken stream ends with."""
    last = out.body.split(b"\n\n")[-2]
    error: dict[str, object] = json.loads(last.removeprefix(b"data: "))["error"]
    return error


def rows(rig: Rig) -> list[tuple[int, str, int]]:
    """Attempt, target and status of each ledger row."""
    return [(row.attempt, row.target, row.status) for row in rig.sink.entries]


async def test_a_rate_limit_is_waited_for_as_long_as_the_provider_asked() -> None:
    servers = FakeServers(a=(RATE_LIMIT, answers(ANSWER)))
    rig = rig_of(servers, Cluster((ModelRoute("m", (A,)),)))
    out = await rig.post()
    assert (out.status, rig.clock.slept) == (200, [1.0])
    assert rows(rig) == [(1, "a", 429), (2, "a", 200)]


async def test_a_lasting_rate_limit_goes_to_the_fallback_that_answers_by_its_own_name() -> None:
    servers = FakeServers(a=RATE_LIMIT, b=answers(ANSWER))
    rig = rig_of(servers, with_fallback())
    out = await rig.post()
    assert (out.status, out.headers[b"x-turnout-target"]) == (200, b"b")
    assert out.headers[b"x-turnout-route-reason"] == b"fallback_rate_limited"
    assert out.headers[b"x-litellm-attempted-fallbacks"] == b"1"
    assert rig.sink.entries[-1].target == "b"
    assert rig.sink.entries[-1].output_tokens == 50
    servers.calls.clear()
    await rig.post()
    assert servers.asked == ["b"], "who is rate limited isn't asked meanwhile"


async def test_a_retry_after_that_is_too_long_is_not_waited_for() -> None:
    servers = FakeServers(a=refuses(429, headers=((b"retry-after", b"60"),)), b=answers(ANSWER))
    rig = rig_of(servers, with_fallback())
    assert (await rig.post()).status == 200
    assert (servers.asked, rig.clock.slept) == (["a", "b"], [])


@pytest.mark.parametrize("fault", [refuses(500), refuses(503), fails(Failure.RESET, was_sent=True), answers(b"{}")])
async def test_one_fault_is_healed_by_the_same_place(fault: object) -> None:
    servers = FakeServers(a=(fault, answers(ANSWER)))  # type: ignore[arg-type]
    rig = rig_of(servers, Cluster((ModelRoute("m", (A,)),)))
    assert (await rig.post()).status == 200
    assert len(rig.clock.slept) == 1
    assert [row.attempt for row in rig.sink.entries] == [1, 2]


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_who_is_silent_is_not_asked_again(body: bytes) -> None:
    servers = FakeServers(a=fails(Failure.FIRST_BYTE_TIMEOUT, was_sent=True), b=refuses(500))
    rig = rig_of(servers, Cluster((ModelRoute("m", (A, B)),)))
    await rig.post(body)
    assert servers.counts["a"] == 1


async def test_another_key_of_a_silent_host_is_not_asked_either() -> None:
    silent = fails(Failure.FIRST_BYTE_TIMEOUT, was_sent=True)
    servers = FakeServers(a1=silent, a2=silent)
    rig = rig_of(servers, Cluster((ModelRoute("m", (A,)),), keys={"a": 2}))
    assert (await rig.post()).status == 504
    assert len(servers.calls) == 1


async def test_a_dead_key_leaves_the_rotation_at_once() -> None:
    servers = FakeServers(a1=refuses(401), a2=answers(ANSWER))
    rig = rig_of(servers, Cluster((ModelRoute("m", (A,)),), keys={"a": 2}))
    for _ in range(10):
        assert (await rig.post()).status == 200
    assert servers.counts["a1"] == 1


async def test_a_context_that_is_exceeded_gets_one_attempt_and_a_larger_model() -> None:
    servers = FakeServers(a=TOO_LONG, b=answers(ANSWER))
    rig = rig_of(servers, with_fallback(context_window=("n",)))
    assert (await rig.post()).headers[b"x-turnout-target"] == b"b"
    assert servers.asked == ["a", "b"]


@pytest.mark.parametrize(
    ("lists", "status"),
    [({"any_error": ("n",)}, 400), ({"content_policy": ("n",)}, 200), ({"context_window": ("n",)}, 400)],
)
async def test_refused_content_goes_only_where_the_config_says_so(
    lists: dict[str, tuple[str, ...]], status: int
) -> None:
    servers = FakeServers(a=FILTERED, b=answers(ANSWER))
    out = await rig_of(servers, with_fallback(**lists)).post()
    assert out.status == status
    assert servers.counts["a"] == 1


async def test_a_request_that_is_wrong_is_asked_once() -> None:
    servers = FakeServers(a=refuses(400, b'{"error":{"message":"bad temperature"}}'), b=answers(ANSWER))
    assert (await rig_of(servers, with_fallback()).post()).status == 400
    assert servers.asked == ["a"]


async def test_a_stream_without_a_token_falls_back_cleanly() -> None:
    servers = FakeServers(a=streams(ROLE, failure=Failure.FIRST_BYTE_TIMEOUT), b=streams(ROLE, say("ok"), FINISH, DONE))
    out = await rig_of(servers, with_fallback()).post(STREAM)
    assert (out.status, out.headers[b"x-turnout-target"]) == (200, b"b")
    assert out.body == ROLE + say("ok") + FINISH + DONE


@pytest.mark.parametrize("tail", [(FINISH,), (FINISH, DONE)])
async def test_a_stream_with_its_finish_is_whole_though_it_breaks_after_it(tail: tuple[bytes, ...]) -> None:
    servers = FakeServers(a=streams(say("ok"), *tail, failure=Failure.RESET))
    rig = rig_of(servers, Cluster((ModelRoute("m", (A,)),)))
    out = await rig.post(STREAM)
    assert out.body == say("ok") + FINISH + DONE
    assert (out.is_ended, len(servers.calls)) == (True, 1)


async def test_a_cut_stream_goes_on_by_tokens_on_another_replica_of_the_same_pool() -> None:
    first = streams(PROMPT_IDS + ROLE, say("one ", 11), say("two ", 12, 13), failure=Failure.RESET)
    rest = b'data: {"id":"x","choices":[{"index":0,"text":"three","finish_reason":null}]}\n\n'
    end = b'data: {"id":"x","choices":[{"index":0,"text":"","finish_reason":"stop"}]}\n\n'
    upstream = FakeUpstream(first, streams(rest, end, DONE))
    rig = Rig(upstream, pools=pool_of("a", "b"))
    out = await rig.post(STREAM.replace(b"{", b'{"max_tokens":9,', 1))
    assert said(out.body) == "one two three"
    assert out.body.count(DONE) == 1
    assert b":t" not in out.body
    assert b":p" not in out.body
    asked = json.loads(upstream.calls[1][1].body)
    assert (asked["prompt"], asked["max_tokens"]) == ([1, 2, 3, 11, 12, 13], 6)
    assert upstream.calls[0][0].id != upstream.calls[1][0].id
    assert [row.attempt for row in rig.sink.entries] == [1, 2]


async def test_token_ids_of_one_target_are_never_shown_to_another() -> None:
    cut = streams(PROMPT_IDS + ROLE, say("one ", 11), failure=Failure.RESET)
    servers = FakeServers(
        a=(fails(Failure.RESET, was_sent=True), streams(say("two"), FINISH, DONE)), s=(cut, refuses(500))
    )
    asked = ModelRoute(
        "m", (LOCAL,), fallbacks=Fallbacks(any_error=("n", "o")), retries=Retries(same_target=0, budget_floor=9)
    )
    cluster = Cluster((asked, ModelRoute("n", (SECOND,)), ModelRoute("o", (LOCAL,))))
    rig = rig_of(servers, cluster, pool=("a",), second=("s",))
    out = await rig.post(STREAM.replace(b"{", b'{"max_tokens":9,', 1))
    assert said(out.body) == "one two"
    continuations = [json.loads(request.body) for endpoint, request, _ in servers.calls if endpoint.id == "a"][1:]
    assert continuations
    assert all("messages" in body and "prompt" not in body for body in continuations)


async def test_a_cut_stream_goes_on_by_prefill_and_by_instruction_where_that_is_refused() -> None:
    refused = refuses(400, b'{"error":{"message":"prefill is not supported"}}')
    servers = FakeServers(
        a=streams(say("It was the best of times, "), failure=Failure.RESET),
        p=(refused, streams(say("it was"), FINISH, DONE)),
    )
    rig = rig_of(servers, with_fallback(A, PREFILLED))
    out = await rig.post(STREAM)
    assert said(out.body) == "It was the best of times, it was"
    messages = [body["messages"] for body in map(servers.body, (-2, -1))]
    assert messages[0][-1]["role"] == "assistant"  # type: ignore[index]
    assert messages[1][-1]["role"] == "user"  # type: ignore[index]
    assert [row.attempt for row in rig.sink.entries] == list(range(1, len(servers.calls) + 1)), "each has its own row"


async def test_a_place_that_refuses_to_go_on_is_not_what_the_client_hears_of() -> None:
    refused = refuses(400, b'{"error":{"message":"prefill is not supported"}}')
    servers = FakeServers(a=streams(say("one "), failure=Failure.RESET), p=refused)
    cluster = Cluster((ModelRoute("m", (A, PREFILLED), retries=Retries(same_target=0)),))
    for _ in range(8):
        rig = rig_of(servers, cluster)
        out = await rig.post(STREAM)
        if servers.asked[-1] != "p" or not out.chunks:
            continue
        assert error_at_end(out)["type"] == "api_error"
        assert b"prefill" not in out.body
        assert DONE not in out.body


async def test_no_way_to_go_on_spends_more_than_max_attempts() -> None:
    refused = refuses(400, b'{"error":{"message":"no"}}')
    servers = FakeServers(a=streams(say("one "), failure=Failure.RESET), p=refused)
    asked = ModelRoute("m", (A,), fallbacks=Fallbacks(any_error=("n",)), retries=Retries(max_attempts=2, same_target=0))
    rig = rig_of(servers, Cluster((asked, ModelRoute("n", (PREFILLED,)))))
    out = await rig.post(STREAM)
    assert len(servers.calls) == 2
    assert error_at_end(out)["type"] == "api_error"


@pytest.mark.parametrize("extra", [b'"response_format":{"type":"json_object"}', b'"n":2', b'"logprobs":true'])
async def test_what_can_not_be_gone_on_with_ends_honestly(extra: bytes) -> None:
    servers = FakeServers(a=streams(say("one "), failure=Failure.RESET), b=streams(say("two"), FINISH, DONE))
    rig = rig_of(servers, with_fallback())
    out = await rig.post(STREAM.replace(b"{", b"{" + extra + b",", 1))
    assert servers.asked == ["a"]
    assert (said(out.body), out.is_ended, DONE in out.body) == ("one ", True, False)
    assert error_at_end(out)["type"] == "api_error"


async def test_a_model_that_does_not_continue_ends_honestly() -> None:
    servers = FakeServers(a=streams(say("one "), failure=Failure.RESET))
    rig = rig_of(servers, Cluster((ModelRoute("m", (A,), continues=False),)))
    out = await rig.post(STREAM)
    assert (len(servers.calls), DONE in out.body) == (1, False)


async def test_a_tool_call_restarts_before_the_first_token_and_never_after() -> None:
    call = b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]}\n\n'
    whole = streams(call, FINISH, DONE)
    servers = FakeServers(a=streams(ROLE, failure=Failure.RESET), b=whole)
    assert (await rig_of(servers, with_fallback()).post(STREAM)).body == call + FINISH + DONE
    servers = FakeServers(a=streams(ROLE, call, failure=Failure.RESET), b=whole)
    out = await rig_of(servers, with_fallback()).post(STREAM)
    assert (servers.asked, DONE in out.body) == (["a"], False)


def waits(rig: list[Rig], seconds: float, then: FakeUpstream) -> FakeServers:
    """A server `a` that's silent for some seconds of the gateway's clock, and then does as `then` says."""

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        for _ in range(int(seconds * 4)):
            rig[0].clock.advance(0.25)
        return await then.relay(endpoint, request, out, None)  # type: ignore[arg-type]

    return FakeServers(a=play)


async def test_a_client_that_waits_long_is_kept_alive_and_then_answered() -> None:
    rigs: list[Rig] = []
    servers = waits(rigs, 40.0, FakeUpstream(streams(ROLE, say("ok"), FINISH, DONE)))
    rigs.append(rig_of(servers, Cluster((ModelRoute("m", (A,)),))))
    out = await rigs[0].post(STREAM)
    assert out.body == b": keep-alive\n\n" * 2 + ROLE + say("ok") + FINISH + DONE
    assert (out.status, out.headers[b"content-type"]) == (200, b"text/event-stream")


async def test_after_a_heartbeat_a_failure_is_told_in_band_and_counted() -> None:
    rigs: list[Rig] = []
    servers = waits(rigs, 20.0, FakeUpstream(fails(Failure.FIRST_BYTE_TIMEOUT, was_sent=True)))
    rigs.append(rig_of(servers, Cluster((ModelRoute("m", (A,)),))))
    out = await rigs[0].post(STREAM)
    assert (out.status, out.is_ended, DONE in out.body) == (200, True, False)
    assert "time" in str(error_at_end(out)["message"])
    counted = {
        sample.labels["status"]: sample.value
        for family in rigs[0].observer.collect()
        for sample in family.samples
        if sample.name == "turnout_requests_total"
    }
    assert counted == {"broken": 1}


async def test_an_attempt_at_a_fallback_has_the_time_that_the_caller_has_left() -> None:
    servers = FakeServers(a=refuses(500), b=answers(ANSWER))
    asked = ModelRoute("m", (A,), fallbacks=Fallbacks(any_error=("n",)), retries=Retries(same_target=0))
    rig = rig_of(servers, Cluster((asked, ModelRoute("n", (B,), timeouts=Timeouts(total_s=5000.0)))))
    await rig.post(x_turnout_timeout_s="7")
    assert [call[2].total_at - rig.clock.now() for call in servers.calls] == [7.0, 7.0]


async def test_a_request_for_local_answers_never_falls_back_to_a_remote_one() -> None:
    servers = FakeServers(x=refuses(500), b=answers(ANSWER))
    rig = rig_of(servers, with_fallback(LOCAL), pool=("x",))
    assert (await rig.post(x_turnout_residency="local")).status == 502
    assert servers.counts["b"] == 0
    assert (await rig.post()).status == 200


@pytest.mark.parametrize(
    ("extra", "asked"),
    [
        (b'"fallbacks":["o"],', {"a", "o"}),
        (b'"fallbacks":[],', {"a"}),
        (b'"disable_fallbacks":true,', {"a"}),
        (b"", {"a", "b"}),
    ],
)
async def test_the_callers_own_fallbacks_stand_before_the_configs(extra: bytes, asked: set[str]) -> None:
    servers = FakeServers(a=refuses(500), b=answers(ANSWER), o=answers(ANSWER))
    cluster = with_fallback()
    other = ModelRoute("o", (Target("o", "up-o", "openai_compatible"),))
    rig = rig_of(servers, Cluster((*cluster.routes, other)))
    await rig.post(CHAT.replace(b"{", b"{" + extra, 1))
    assert set(servers.asked) == asked


async def test_when_nothing_can_answer_a_configured_text_does() -> None:
    servers = FakeServers(a=fails(Failure.CONNECT))
    rig = rig_of(servers, Cluster((ModelRoute("m", (A,), degrade=Degrade(answer="Back soon.")),)))
    out = await rig.post()
    assert (out.status, out.headers[b"x-turnout-degraded"]) == (200, b"answer")
    assert json.loads(out.body)["choices"][0]["message"]["content"] == "Back soon."
    out = await rig.post(STREAM)
    assert (said(out.body), out.body.endswith(DONE)) == ("Back soon.", True)


async def test_a_client_that_leaves_during_a_pause_leaves_nothing_behind() -> None:
    paused = asyncio.Event()

    class StoppedClock(FakeClock):
        async def sleep(self, seconds: float) -> None:
            paused.set()
            await asyncio.Event().wait()

    rig = Rig(FakeUpstream(refuses(500)), catalogue(REMOTE), clock=StoppedClock())
    task = asyncio.create_task(rig.post())
    await paused.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (candidate,) = rig.fleet.candidates("m")
    assert (candidate.in_flight, rig.observer.in_flight, len(rig.sink.entries)) == (0, 0, 1)
