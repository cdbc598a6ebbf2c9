"""What a client gets that sends a request twice with one idempotency key."""

import asyncio
import json
from dataclasses import replace

import pytest

from tests.fakes import FakeClock, FakeOut, FakeUpstream, Script, answers, fails, head, outcome, refuses, streams
from tests.gateways import ANSWER, CHAT, LOCAL, STREAM, Rig, catalogue
from turnout.models.access import Principal
from turnout.models.exchange import Out
from turnout.models.openai.request import Operation
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure, Outcome, UpstreamRequest
from turnout.router.catalogue import Retries
from turnout.router.idempotency.in_memory import Bounds, MemoryStore
from turnout.router.idempotency.replays import Replays
from turnout.serve.config.keys import hash_key

CONTENT = b'data: {"choices":[{"delta":{"content":"yes"},"finish_reason":"stop"}]}\n\n'
UNFINISHED = b'data: {"choices":[{"delta":{"content":"ye"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def rig(*scripts: Script, store: MemoryStore | None = None, most_bytes: int = 1 << 20, **route: object) -> Rig:
    config = catalogue(LOCAL, retries=Retries(max_attempts=1), **route)
    replays = Replays(store or MemoryStore(Bounds(), FakeClock().now), most_bytes)
    return Rig(FakeUpstream(*scripts), config, replays=replays)


async def test_the_same_request_gets_the_same_answer_and_the_model_is_asked_once() -> None:
    line = rig(answers(ANSWER))
    first = await line.post(idempotency_key="k-1")
    second = await line.post(idempotency_key="k-1")
    assert len(line.upstream.calls) == 1
    assert (second.status, second.body) == (first.status, first.body)
    assert second.headers == {**first.headers, b"x-turnout-idempotent-replay": b"true"}
    assert len(line.sink.entries) == 1


async def test_without_a_key_every_request_is_a_new_one() -> None:
    line = rig(answers(ANSWER))
    await line.post()
    await line.post()
    assert len(line.upstream.calls) == 2


async def test_a_whole_stream_is_given_again_byte_for_byte() -> None:
    line = rig(streams(CONTENT, DONE))
    first = await line.post(STREAM, idempotency_key="k-1")
    second = await line.post(STREAM, idempotency_key="k-1")
    assert second.body == first.body == CONTENT + DONE
    assert second.is_ended
    assert second.chunks
    assert len(line.upstream.calls) == 1


@pytest.mark.parametrize(
    "broken",
    [streams(UNFINISHED, failure=Failure.RESET), streams(UNFINISHED)],
    ids=["cut in the middle", "without an end of its own"],
)
async def test_a_broken_stream_is_not_kept_and_its_key_is_free_again(broken: Script) -> None:
    line = rig(broken, streams(CONTENT, DONE), continues=False)
    await line.post(STREAM, idempotency_key="k-1")
    second = await line.post(STREAM, idempotency_key="k-1")
    assert b"x-turnout-idempotent-replay" not in second.headers
    assert second.body == CONTENT + DONE


async def test_another_body_or_route_under_the_same_key_is_refused_with_422() -> None:
    line = rig(answers(ANSWER))
    await line.post(idempotency_key="k-1")
    other_body = await line.post(CHAT + b" ", idempotency_key="k-1")
    out = FakeOut()
    await line.gateway.handle(Operation.COMPLETIONS, head(b"/v1/completions", idempotency_key="k-1"), CHAT, out)
    assert [other_body.status, out.status] == [422, 422]
    assert json.loads(out.body)["error"]["code"] == "idempotency_key_reused"
    assert len(line.upstream.calls) == 1


def waits_for(event: asyncio.Event) -> Script:
    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        await event.wait()
        out.full(200, (), ANSWER)
        return outcome(is_committed=True)

    return play


async def test_while_a_request_is_answered_its_twin_is_told_to_come_again() -> None:
    may_answer = asyncio.Event()
    line = rig(waits_for(may_answer))
    first = asyncio.create_task(line.post(idempotency_key="k-1"))
    await asyncio.sleep(0)
    twin = await line.post(idempotency_key="k-1")
    assert (twin.status, twin.headers[b"retry-after"]) == (409, b"1")
    may_answer.set()
    assert (await first).status == 200
    assert (await line.post(idempotency_key="k-1")).headers[b"x-turnout-idempotent-replay"] == b"true"


async def test_a_client_that_leaves_frees_its_key() -> None:
    line = rig(waits_for(asyncio.Event()), answers(ANSWER))
    first = asyncio.create_task(line.post(idempotency_key="k-1"))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert (await line.post(idempotency_key="k-1")).body == ANSWER


@pytest.mark.parametrize(
    ("first", "is_kept"),
    [
        (answers(b'{"error":{"message":"bad"}}', 400), True),
        (refuses(400, b'{"error":{"message":"bad"}}'), True),
        (refuses(429), False),
        (refuses(500), False),
        (fails(Failure.CONNECT), False),
    ],
)
async def test_only_refusals_that_would_come_again_are_kept(first: Script, is_kept: bool) -> None:
    line = rig(first, answers(ANSWER))
    before = await line.post(idempotency_key="k-1")
    after = await line.post(idempotency_key="k-1")
    assert (after.status == before.status) is is_kept
    assert (b"x-turnout-idempotent-replay" in after.headers) is is_kept


async def test_our_own_refusal_of_a_body_is_kept_too() -> None:
    line = rig(answers(ANSWER))
    first, second = [await line.post(b"{}", idempotency_key="k-1") for _ in range(2)]
    assert (first.status, second.status) == (400, 400)
    assert b"x-turnout-idempotent-replay" in second.headers


async def test_principals_do_not_share_keys() -> None:
    line = rig(answers(ANSWER))
    keys = {hash_key(f"secret-{name}"): Principal("t", name) for name in ("ann", "bob")}
    line.gateway.catalogue = replace(line.config, keys=keys, is_open=False)
    for name in ("ann", "bob"):
        out = await line.post(authorization=f"Bearer secret-{name}", idempotency_key="k-1")
        assert b"x-turnout-idempotent-replay" not in out.headers
    assert len(line.upstream.calls) == 2
    assert (await line.post(authorization="Bearer wrong", idempotency_key="k-1")).status == 401


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "caf\u00e9"])
async def test_a_malformed_key_is_a_400(key: str) -> None:
    out = await rig(answers(ANSWER)).post(idempotency_key=key)
    assert (out.status, json.loads(out.body)["error"]["param"]) == (400, "idempotency-key")


async def test_an_answer_is_forgotten_in_time() -> None:
    clock = FakeClock()
    line = rig(answers(ANSWER), store=MemoryStore(Bounds(keep_s=60), clock.now))
    await line.post(idempotency_key="k-1")
    clock.advance(59)
    await line.post(idempotency_key="k-1")
    assert len(line.upstream.calls) == 1
    clock.advance(1)
    await line.post(idempotency_key="k-1")
    assert len(line.upstream.calls) == 2


@pytest.mark.parametrize("script", [answers(ANSWER), streams(CONTENT, DONE)], ids=["unary", "stream"])
async def test_an_answer_that_is_too_large_is_not_kept(script: Script) -> None:
    line = rig(script, most_bytes=10)
    for _ in range(2):
        assert (await line.post(idempotency_key="k-1")).status == 200
    assert len(line.upstream.calls) == 2


async def test_a_large_body_is_compared_off_the_loop() -> None:
    line = rig(answers(ANSWER))
    body = CHAT[:-1] + b',"user":"' + b"u" * (5 << 20) + b'"}'
    outs = [await line.post(body, idempotency_key="k-1") for _ in range(2)]
    assert [out.status for out in outs] == [200, 200]
    assert len(line.upstream.calls) == 1
