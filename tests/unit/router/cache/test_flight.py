"""Identical requests under way share one call."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field

import pytest

from tests.caches import POLICY, WHOLE, CacheRig
from tests.fakes import FakeOut, FakeUpstream, answers, head, outcome, refuses
from tests.gateways import CHAT, LOCAL, STREAM, catalogue
from turnout.models.access import Limit, Unit
from turnout.models.errors import UpstreamFailed
from turnout.models.exchange import Headers, Out
from turnout.models.openai.request import Operation
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure, Outcome, UpstreamRequest
from turnout.router.cache.epochs import EVERYTHING
from turnout.router.cache.flight import BEHIND_BYTES, Flight
from turnout.router.catalogue import Retries

EVENTS: Headers = ((b"content-type", b"text/event-stream"),)


def event(text: str) -> bytes:
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"},"finish_reason":null}]}\n\n' % text.encode()


FINISH = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'


@dataclass
class Held:
    """A script that answers when it's told to, and knows when it was cancelled."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Failure | None = None

    async def __call__(self, endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        self.begun.set()
        try:
            if request.is_stream:
                out.start(200, EVENTS)
                out.write(event("a"))
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.failure is None and request.is_stream:
            out.write(event("b") + FINISH)
            out.end()
        elif self.failure is None:
            out.full(200, (), WHOLE)
        return outcome(200 if self.failure is None else 0, self.failure, is_committed=self.failure is None)


def post(rig: CacheRig, body: bytes, out: FakeOut, **headers: str) -> "asyncio.Task[None]":
    return asyncio.ensure_future(rig.rig.gateway.handle(Operation.CHAT, head(**headers), body, out))


async def turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_a_thousand_identical_requests_make_one_call(body: bytes) -> None:
    held = Held()
    rig = CacheRig(FakeUpstream(held))
    outs = [FakeOut() for _ in range(1000)]
    tasks = [post(rig, body, out) for out in outs]
    await held.begun.wait()
    await turns()
    held.gate.set()
    await asyncio.gather(*tasks)
    assert len(rig.upstream.calls) == 1
    assert {out.body for out in outs} == {outs[0].body}
    assert all(out.is_ended and out.status == 200 for out in outs)
    assert sorted(out.headers[b"x-turnout-cache"] for out in outs) == [b"hit-exact"] * 999 + [b"miss"]
    assert len({out.headers[b"x-request-id"] for out in outs}) == 1000, "each has an id of its own"
    assert (len(rig.rig.sink.entries), len(rig.sink.entries)) == (1, 999), "one is paid for, the others are booked"
    assert rig.count("turnout_cache_joined") == 999
    assert not rig.cache.flights


async def test_a_stream_is_joined_in_the_middle_from_its_beginning() -> None:
    held = Held()
    rig = CacheRig(FakeUpstream(held))
    first, second = FakeOut(), FakeOut()
    one = post(rig, STREAM, first)
    await held.begun.wait()
    two = post(rig, STREAM, second)
    await turns()
    assert second.body == event("a"), "what had come is there at once"
    held.gate.set()
    await asyncio.gather(one, two)
    assert second.body == first.body == event("a") + event("b") + FINISH + b"data: [DONE]\n\n"


async def test_whole_answers_and_streams_are_different_flights() -> None:
    held = Held()
    rig = CacheRig(FakeUpstream(held))
    tasks = [post(rig, CHAT, FakeOut()), post(rig, STREAM, FakeOut())]
    await turns()
    held.gate.set()
    await asyncio.gather(*tasks)
    assert len(rig.upstream.calls) == 2


async def test_the_first_may_leave_and_the_last_who_leaves_cancels_the_call_at_once() -> None:
    held = Held()
    rig = CacheRig(FakeUpstream(held))
    first, second = post(rig, CHAT, FakeOut()), post(rig, CHAT, FakeOut())
    await held.begun.wait()
    await turns()
    first.cancel()
    await turns()
    assert not held.cancelled.is_set(), "somebody still wants it"
    second.cancel()
    await turns()
    assert held.cancelled.is_set()
    assert not rig.cache.flights
    third = FakeOut()
    held.gate.set()
    await post(rig, CHAT, third)
    assert third.body == WHOLE


async def test_when_a_call_fails_the_others_start_again_with_one_more_call() -> None:
    held = Held(failure=Failure.RESET)
    rig = CacheRig(FakeUpstream(held, answers(WHOLE)), config=catalogue(LOCAL, cache=POLICY, retries=_once()))
    outs = [FakeOut() for _ in range(10)]
    tasks = [post(rig, CHAT, out) for out in outs]
    await held.begun.wait()
    await turns()
    held.gate.set()
    await asyncio.gather(*tasks)
    assert outs[0].status == 502
    assert {(out.status, out.body) for out in outs[1:]} == {(200, WHOLE)}
    assert len(rig.upstream.calls) == 2


async def test_when_the_second_call_fails_too_everybody_is_told() -> None:
    held = Held(failure=Failure.RESET)
    rig = CacheRig(FakeUpstream(held, refuses(500)), config=catalogue(LOCAL, cache=POLICY, retries=_once()))
    outs = [FakeOut() for _ in range(10)]
    tasks = [post(rig, CHAT, out) for out in outs]
    await held.begun.wait()
    await turns()
    held.gate.set()
    await asyncio.gather(*tasks)
    assert {out.status for out in outs} == {502}
    assert len(rig.upstream.calls) == 2


async def test_who_has_seen_a_part_of_a_stream_that_breaks_is_told_in_band() -> None:
    held = Held(failure=Failure.RESET)
    config = catalogue(LOCAL, cache=POLICY, retries=_once(), continues=False)
    rig = CacheRig(FakeUpstream(held), config=config)
    outs = [FakeOut(), FakeOut()]
    tasks = [post(rig, STREAM, out) for out in outs]
    await held.begun.wait()
    await turns()
    held.gate.set()
    await asyncio.gather(*tasks)
    for out in outs:
        assert out.is_ended
        assert out.body.startswith(event("a"))
        assert json.loads(out.body.split(b"data: ")[-1])["error"]["type"] == "api_error"
        assert b"[DONE]" not in out.body


async def test_a_refusal_by_a_limit_is_no_answer_and_nobody_joins_it() -> None:
    held = Held()
    limit = Limit("model:m", Unit.REQUESTS, 1, 60)
    rig = CacheRig(FakeUpstream(held), config=catalogue(LOCAL, cache=POLICY, limits=(limit,)))
    held.gate.set()
    await rig.post(CHAT.replace(b"hi", b"spent"))
    refused = await rig.post()
    assert refused.status == 429
    assert b"x-turnout-cache" not in refused.headers
    assert not rig.cache.flights
    assert (await rig.post(CHAT.replace(b"hi", b"spent"))).status == 200, "a hit needs no room"


async def test_who_has_less_time_does_not_wait_for_the_others_answer() -> None:
    held = Held()
    rig = CacheRig(FakeUpstream(held))
    first, second = FakeOut(), FakeOut()
    one = post(rig, CHAT, first)
    await held.begun.wait()
    await post(rig, CHAT, second, x_turnout_timeout_s="0.01")
    assert second.status == 504
    held.gate.set()
    await one
    assert first.status == 200


async def test_nobody_joins_what_began_before_a_purge_and_it_is_not_found_later() -> None:
    held = Held()
    rig = CacheRig(FakeUpstream(held, answers(WHOLE.replace(b"yes", b"new"))))
    first, second = FakeOut(), FakeOut()
    one = post(rig, CHAT, first)
    await held.begun.wait()
    rig.purge(EVERYTHING)
    await post(rig, CHAT, second)
    assert b"new" in second.body
    held.gate.set()
    await one
    assert b"new" in (await rig.post()).body


@dataclass
class SlowOut(FakeOut):
    """A client that takes the first piece and then nothing until it's told to."""

    pauses: list["asyncio.Future[None]"] = field(default_factory=list)

    def write(self, chunk: bytes) -> "asyncio.Future[None] | None":
        super().write(chunk)
        pause: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.pauses.append(pause)
        return pause


def flight_with(work: Callable[[Flight], Coroutine[None, None, None]], most_bytes: int = 1_000_000) -> Flight:
    flight = Flight(most_bytes, 0, lambda flight: None)

    flight.depart(lambda: work(flight))
    return flight


async def test_the_slowest_holds_the_upstream_up_once_it_is_far_behind_and_gets_everything_in_order() -> None:
    piece = b"x" * (BEHIND_BYTES // 4)
    paused_at: list[int] = []

    async def work(flight: Flight) -> None:
        flight.start(200, ())
        for number in range(8):
            pause = flight.write(b"%d" % number + piece)
            if pause is not None:
                paused_at.append(number)
                await pause
        flight.end()

    flight = flight_with(work)
    fast, slow = FakeOut(), SlowOut()
    seats = [flight.board(out, lambda headers: headers) for out in (fast, slow)]
    await turns()
    assert paused_at == [4], "one piece with the client, more than 256 KiB behind it"
    while not slow.is_ended:
        slow.pauses[-1].set_result(None)
        await turns(5)
    await asyncio.gather(*(seat.wait() for seat in seats))
    assert slow.body == fast.body == b"".join(b"%d" % number + piece for number in range(8))


async def test_an_answer_that_has_grown_too_large_is_joined_by_nobody_else() -> None:
    flight = Flight(10, 0, lambda flight: None)
    flight.board(FakeOut(), lambda headers: headers)
    flight.start(200, ())
    flight.write(b"12345")
    assert flight.is_joinable
    flight.write(b"678901")
    assert not flight.is_joinable


async def test_a_slow_client_whose_upstream_ends_badly_still_gets_what_had_come() -> None:
    async def work(flight: Flight) -> None:
        flight.start(200, ())
        flight.write(b"one")
        flight.write(b"two")
        await asyncio.sleep(0)
        raise UpstreamFailed("it fell over")

    flight = flight_with(work)
    slow = SlowOut()
    seat = flight.board(slow, lambda headers: headers)
    await turns()
    waiting = asyncio.ensure_future(seat.wait())
    slow.pauses[0].set_result(None)
    await turns()
    slow.pauses[1].set_result(None)
    await waiting
    assert (slow.body, slow.is_ended) == (b"onetwo", False)


def _once() -> Retries:
    return Retries(max_attempts=1)
