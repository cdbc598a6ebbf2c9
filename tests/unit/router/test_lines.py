"""What the line in front of a model means for fallbacks, and for places chosen before a wait."""

import asyncio

from tests.fakes import FakeUpstream, answers, fails, outcome, streams
from tests.gateways import ANSWER, LOCAL, REMOTE, STREAM, Rig, catalogue
from turnout.models.exchange import Out
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure, Outcome, UpstreamRequest
from turnout.router.catalogue import Catalogue, Fallbacks, ModelRoute

TEXT = b'data: {"id":"1","created":1,"model":"up-m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
FINISH = b'data: {"id":"1","created":1,"model":"up-m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'


def two_models(**first: object) -> Catalogue:
    """Model `m` with room for one request and nobody in line, and a fallback."""
    base = catalogue(REMOTE)
    models = {
        "m": ModelRoute("m", (LOCAL,), max_in_flight=1, max_waiting=0, fallbacks=Fallbacks(("other",)), **first),  # type: ignore[arg-type]
        "other": ModelRoute("other", (REMOTE,)),
    }
    return Catalogue("v1", models, base.fixed_endpoints, is_open=True)


async def test_a_full_line_spills_over_to_the_fallback() -> None:
    release = asyncio.Event()

    async def hold(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        await release.wait()
        out.full(200, (), ANSWER)
        return outcome()

    rig = Rig(FakeUpstream(hold, answers(ANSWER)), two_models())
    first = asyncio.create_task(rig.post())
    while not rig.upstream.calls:
        await asyncio.sleep(0)
    second = await rig.post()
    assert (second.status, second.headers[b"x-turnout-target"]) == (200, b"remote")
    assert second.headers[b"x-turnout-attempts"] == b"1", "none had begun at the full model"
    release.set()
    assert (await first).headers[b"x-turnout-target"] == b"local"


async def test_a_full_line_without_a_fallback_says_when_there_is_room() -> None:
    release = asyncio.Event()

    async def hold(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        await release.wait()
        out.full(200, (), ANSWER)
        return outcome()

    rig = Rig(FakeUpstream(hold), catalogue(LOCAL, max_in_flight=1, max_waiting=0))
    first = asyncio.create_task(rig.post())
    while not rig.upstream.calls:
        await asyncio.sleep(0)
    second = await rig.post()
    assert second.status == 503
    assert int(second.headers[b"retry-after"]) >= 1
    release.set()
    await first


async def test_a_place_that_broke_while_a_request_stood_in_line_is_not_asked() -> None:
    release = asyncio.Event()

    async def hold(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        await release.wait()
        out.full(200, (), ANSWER)
        return outcome()

    config = catalogue(LOCAL, max_in_flight=1, max_waiting=5)
    rig = Rig(FakeUpstream(hold, answers(ANSWER)), config, {"pool": ("a", "b")})
    first = asyncio.create_task(rig.post())
    while not rig.upstream.calls:
        await asyncio.sleep(0)
    second = asyncio.create_task(rig.post())
    await asyncio.sleep(0)
    rig.clock.advance(1.0)
    gone = rig.fleet.candidates("m")[0]
    gone.refuse_connection(rig.clock.now())
    release.set()
    assert [(await each).status for each in (first, second)] == [200, 200]
    assert {call[0].id for call in rig.upstream.calls[1:]} == {"b"}


async def test_a_stream_that_lacks_only_its_end_is_made_whole() -> None:
    both = streams(TEXT, FINISH, failure=Failure.RESET)
    rig = Rig(FakeUpstream(both), catalogue(LOCAL))
    out = await rig.post(STREAM)
    assert out.body == TEXT + FINISH + b"data: [DONE]\n\n"
    assert len(rig.upstream.calls) == 1


async def test_a_callers_own_impatience_says_nothing_against_a_place() -> None:
    rig = Rig(FakeUpstream(fails(Failure.FIRST_BYTE_TIMEOUT, was_sent=True)), catalogue(LOCAL))
    (place,) = rig.fleet.candidates("m")
    for _ in range(30):
        await rig.post(STREAM, x_turnout_ttft_s="0.1")
    assert place.breaker is not None
    assert place.breaker.opened == 0
    assert place.ejected_until == 0.0
    for _ in range(30):
        await rig.post(STREAM)
    assert place.breaker.opened > 0
