"""A second attempt beside a slow first one: when it starts, who wins, and what becomes of the other."""

import asyncio

import pytest

from tests.fakes import FakeUpstream, Script, answers, outcome, refuses
from tests.gateways import ANSWER, LOCAL, STREAM, Rig, catalogue
from turnout.models.exchange import Out
from turnout.models.target import Endpoint
from turnout.models.upstream import Outcome, UpstreamRequest
from turnout.router.catalogue import Hedging
from turnout.router.execute.hedging import FEWEST

TEXT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


class Hang:
    """A script that begins, sends what it's given, and then never ends."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.was_cancelled = False

    async def __call__(self, endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        if self._chunks:
            out.start(200, ((b"content-type", b"text/event-stream"),))
        for chunk in self._chunks:
            out.write(chunk)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        return outcome()


ALWAYS = Hedging(max_share=1.0)


async def rig_of(*scripts: Script, hedging: Hedging | None = ALWAYS) -> Rig:
    """A gateway with two replicas that knows how fast they are; then the scripts follow."""
    known: list[Script] = [answers(ANSWER)] * FEWEST
    rig = Rig(FakeUpstream(*known, *scripts), catalogue(LOCAL, hedging=hedging), {"pool": ("a", "b")})
    for _ in range(FEWEST):
        assert (await rig.post()).status == 200
    rig.sink.entries.clear()
    rig.upstream.calls.clear()
    return rig


async def test_a_second_attempt_answers_where_the_first_is_slow_and_both_are_booked() -> None:
    slow = Hang()
    rig = await rig_of(slow, answers(ANSWER))
    out = await rig.post()
    assert (out.status, out.body) == (200, ANSWER)
    assert out.headers[b"x-turnout-route-reason"] == b"hedge"
    assert slow.was_cancelled
    assert {call[0].id for call in rig.upstream.calls} == {"a", "b"}
    rows = {row.failure: row for row in rig.sink.entries}
    assert rows.keys() == {"", "hedge_lost"}
    assert rows["hedge_lost"].input_tokens > 0, "what the loser was asked to read isn't free"
    assert all(candidate.in_flight == 0 for candidate in rig.fleet.candidates("m"))


async def test_the_first_token_wins_and_the_loser_writes_nothing_more() -> None:
    slow = Hang(b'data: {"choices":[{"delta":{"role":"assistant"}}]}\n\n')

    async def quick(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        out.start(200, ((b"content-type", b"text/event-stream"),))
        out.write(TEXT)
        for _ in range(10):
            await asyncio.sleep(0)
        assert slow.was_cancelled, "the loser ends with the winner's first token"
        out.write(FINISH)
        out.end()
        return outcome(is_committed=True)

    rig = await rig_of(slow, quick)
    out = await rig.post(STREAM)
    assert out.body == TEXT + FINISH + b"data: [DONE]\n\n"


async def test_of_two_attempts_that_fail_both_are_remembered_and_a_third_answers() -> None:
    release = asyncio.Event()

    async def fail_late(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        await release.wait()
        return outcome(500)

    async def fail_and_release(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        release.set()
        return outcome(500)

    rig = await rig_of(fail_late, fail_and_release, answers(ANSWER))
    out = await rig.post()
    assert out.status == 200
    assert [row.status for row in rig.sink.entries] == [500, 500, 200]
    assert [row.attempt for row in rig.sink.entries] == [2, 1, 3]


async def test_nothing_is_hedged_without_the_setting_or_beyond_its_share() -> None:
    for hedging in (None, Hedging(max_share=0.0)):
        rig = await rig_of(answers(ANSWER), hedging=hedging)
        rig.clock.advance(60.0)
        assert (await rig.post()).status == 200
        assert len(rig.upstream.calls) == 1


async def test_a_client_that_leaves_ends_both_attempts() -> None:
    first, second = Hang(), Hang()
    rig = await rig_of(first, second)
    task = asyncio.create_task(rig.post())
    while len(rig.upstream.calls) < 2:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert first.was_cancelled
    assert second.was_cancelled
    assert [row.failure for row in rig.sink.entries] == ["client_left", "client_left"]


async def test_a_refusal_ends_the_race_only_if_nobody_else_runs() -> None:
    rig = await rig_of(Hang(), refuses(400, b'{"error":{"message":"no"}}'))
    task = asyncio.create_task(rig.post())
    for _ in range(20):
        await asyncio.sleep(0)
    assert not task.done(), "the first attempt still may answer"
    task.cancel()
    await asyncio.wait((task,))
