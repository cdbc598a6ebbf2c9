"""Attempts under `balanced` wait their turn in the real line, over fakes."""

import asyncio

import pytest

from tests.fakes import FakeUpstream, streams
from tests.gateways import LOCAL, REMOTE, STREAM, Rig, catalogue
from turnout.models.exchange import Out
from turnout.models.target import Endpoint
from turnout.models.upstream import Limits, Outcome, UpstreamRequest
from turnout.router.catalogue import Routing

TOKEN = b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
END = (
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":2}}'
    b"\n\ndata: [DONE]\n\n"
)
LONG = STREAM.replace(b'"hi"', b'"' + b"word " * 8000 + b'"')


class Gated:
    """An upstream whose answers begin when the test says so."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.may_go = asyncio.Semaphore(0)
        self._answers = FakeUpstream(*[streams(TOKEN, END)] * 50)

    async def relay(self, endpoint: Endpoint, request: UpstreamRequest, out: Out, limits: Limits) -> Outcome:
        self.begun.append(endpoint.id)
        await self.may_go.acquire()
        return await self._answers.relay(endpoint, request, out, limits)


def rig(*ids: str) -> tuple[Rig, Gated]:
    upstream = Gated()
    config = catalogue(LOCAL, routing=Routing((("balanced", 1.0),)))
    made = Rig(upstream, config, {"pool": ids})  # type: ignore[arg-type]
    for candidate in made.fleet.candidates("m"):
        for tokens in (500, 1000, 5000, 20_000, 50_000):
            candidate.foreseen().pace.note_first(tokens, tokens / 10_000, 0.0)
    return made, upstream


async def settle() -> None:
    for _ in range(30):
        await asyncio.sleep(0)


async def test_a_second_long_prompt_waits_until_the_first_has_a_token() -> None:
    made, upstream = rig("a")
    first = asyncio.create_task(made.post(LONG))
    await settle()
    second = asyncio.create_task(made.post(LONG))
    await settle()
    assert upstream.begun == ["a"]
    upstream.may_go.release()
    await first
    made.clock.advance(1.0)
    upstream.may_go.release()
    assert (await asyncio.wait_for(second, 5)).status == 200
    assert upstream.begun == ["a", "a"]


async def test_it_begins_elsewhere_at_once_where_there_is_an_idle_endpoint() -> None:
    made, upstream = rig("a", "b")
    tasks = [asyncio.create_task(made.post(LONG)) for _ in range(2)]
    await settle()
    assert sorted(upstream.begun) == ["a", "b"]
    upstream.may_go.release()
    upstream.may_go.release()
    await asyncio.gather(*tasks)


async def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind() -> None:
    made, upstream = rig("a")
    first = asyncio.create_task(made.post(LONG))
    await settle()
    waiting = asyncio.create_task(made.post(LONG))
    await settle()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    upstream.may_go.release()
    await first
    work = made.fleet.candidates("m")[0].foreseen().work
    assert (work.due, work.running, work.due_tokens, work.resident_tokens) == (0, 0, 0, 0)


async def test_what_answers_teach_reaches_the_endpoint() -> None:
    made, upstream = rig("a")
    outlook = made.fleet.candidates("m")[0].foreseen()
    before = outlook.pace.first.count, outlook.pace.token.count
    task = asyncio.create_task(made.post(LONG))
    await settle()
    assert outlook.work.due == 1
    made.clock.advance(1.0)
    upstream.may_go.release()
    await task
    assert (outlook.pace.first.count, outlook.pace.token.count) == (before[0] + 1, before[1] + 1)
    assert outlook.prefix.count(tuple(outlook.prefix._blocks)[::-1]) > 0


async def test_other_strategies_learn_nothing_and_pay_nothing() -> None:
    made = Rig(FakeUpstream(streams(TOKEN, END)), catalogue(LOCAL, routing=Routing((("power_of_two", 1.0),))))
    await made.post(STREAM)
    assert made.fleet.candidates("m")[0].outlook is None


async def test_a_single_provider_is_neither_learned_from_nor_waited_for() -> None:
    made = Rig(FakeUpstream(streams(TOKEN, END)), catalogue(REMOTE, routing=Routing((("balanced", 1.0),))))
    assert (await made.post(STREAM)).status == 200
    assert made.fleet.candidates("m")[0].outlook is None
