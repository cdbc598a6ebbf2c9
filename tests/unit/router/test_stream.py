"""What of several attempts reaches the client of a stream: one answer, and nothing twice."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.fakes import FakeClock, FakeOut, Script, endpoints, outcome
from tests.fakes_servers import DONE, FINISH, ROLE, Cluster, FakeServers, said, say
from tests.gateways import ANSWER, CHAT, STREAM, Rig
from turnout.models.access import Principal
from turnout.models.errors import NoTarget, UpstreamFailed
from turnout.models.exchange import Out
from turnout.models.openai.request import Operation, parse_request
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Failure, Outcome, UpstreamRequest
from turnout.router.call import Arrival, Call, Way
from turnout.router.catalogue import Hedging, ModelRoute
from turnout.router.execute.hedging import FEWEST, race
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.strategy import RoutePlan
from turnout.router.stream import HEARTBEAT, HELD_BYTES, Lane, Reply
from turnout.router.values import Constraints, Features

EVENTS = ((b"content-type", b"text/event-stream"),)
A, B = Target("a", "up-a", "openai_compatible"), Target("b", "up-b", "openai_compatible")
ROUTE = ModelRoute("m", (A, B))


class Desk:
    """A Reply over a kept Out, and the Lanes of its attempts."""

    def __init__(self) -> None:
        self.out, clock = FakeOut(), FakeClock()
        self.reply = Reply(self.out, clock.now)
        arrival = Arrival("req-1", b"req-1", clock.now(), 0)
        request = parse_request(Operation.CHAT, STREAM)
        self._call = Call(arrival, Principal("t", "k"), request, Constraints(False, 2000.0), Features(1, None), ROUTE)

    def lane(self, number: int, target: Target = A) -> Lane:
        """The Lane of an attempt, its head received."""
        plan = RoutePlan(Candidate(target, endpoints("e")[0]), "only")
        lane = self.reply.lane(Way(self._call, plan, ROUTE, 0, number, 1000.0))
        lane.start(200, EVENTS)
        return lane


@pytest.mark.parametrize("quiet", [ROLE, b": ping\n\n", b'data: {"choices":[{"delta":{"content":""}}]}\n\n'])
def test_events_that_say_nothing_are_held_until_one_does(quiet: bytes) -> None:
    desk = Desk()
    lane = desk.lane(1)
    lane.write(quiet)
    assert (desk.out.status, lane.has_token(), desk.reply.has_content) == (0, False, False)
    lane.write(say("a"))
    assert (desk.out.status, desk.out.body, lane.has_token()) == (200, quiet + say("a"), True)
    assert desk.out.headers[b"x-turnout-target"] == b"a"


def test_no_more_is_held_than_fits() -> None:
    desk = Desk()
    lane, size = desk.lane(1), 0
    while not desk.out.status:
        lane.write(ROLE)
        size += len(ROLE)
        assert size <= HELD_BYTES + len(ROLE)
    assert len(desk.out.body) == size


def test_what_an_attempt_held_that_failed_is_never_seen() -> None:
    desk = Desk()
    first = desk.lane(1)
    first.write(ROLE)
    first.disown()
    second = desk.lane(2, B)
    second.write(ROLE)
    second.write(say("b") + FINISH)
    second.end()
    assert (desk.out.body, desk.out.is_ended) == (ROLE + say("b") + FINISH, True)
    assert (desk.out.headers[b"x-turnout-target"], desk.reply.author) == (b"b", "b")


def test_after_a_heartbeat_the_head_is_not_sent_again() -> None:
    desk = Desk()
    lane = desk.lane(1)
    lane.write(ROLE)
    desk.reply.beat(b"req-1")
    lane.write(say("a"))
    assert desk.out.body == HEARTBEAT + ROLE + say("a")


def test_a_stream_that_is_broken_off_ends_with_its_error_and_without_done() -> None:
    desk = Desk()
    lane = desk.lane(1)
    lane.write(say("a"))
    lane.disown()
    desk.reply.break_off(UpstreamFailed("It broke."))
    assert desk.out.body == say("a") + b"data: " + UpstreamFailed("It broke.").to_json() + b"\n\n"
    assert desk.out.is_ended


def test_of_two_attempts_the_first_with_content_is_the_clients() -> None:
    desk = Desk()
    first, second = desk.lane(1), desk.lane(2, B)
    second.write(say("b"))
    first.write(say("a"))
    first.write(FINISH)
    first.end()
    second.write(FINISH)
    assert (desk.out.body, desk.out.is_ended, desk.reply.taken_by) == (say("b") + FINISH, False, 2)


def test_an_answer_begun_beside_one_that_broke_does_not_follow_its_text() -> None:
    desk = Desk()
    first, second = desk.lane(1), desk.lane(2, B)
    first.write(say("a"))
    first.disown()
    second.write(say("the whole answer"))
    second.end()
    assert (desk.out.body, desk.out.is_ended) == (say("a"), False)
    rest = desk.lane(3, B)
    rest.write(say("b"))
    assert desk.out.body == say("a") + say("b")


def test_comments_with_token_ids_stay_here() -> None:
    desk = Desk()
    lane = desk.lane(1)
    for chunk in (b":p [1]\n" + ROLE, say("a", 5), say("b", 6, 7) + say("c", 8), FINISH):
        lane.write(chunk)
    assert desk.out.body == ROLE + say("a") + say("b") + say("c") + FINISH
    assert b":t [6, 7]\n" in desk.reply.transcript.content()


class Won:
    """How a contestant ended."""

    def __init__(self, number: int, is_whole: bool) -> None:
        self.number, self.is_whole = number, is_whole


async def run(lane: Lane, number: int, *steps: float | bytes, is_whole: bool = True) -> Won:
    """An attempt that pauses and writes."""
    for step in steps:
        if isinstance(step, bytes):
            lane.write(step)
        else:
            await asyncio.sleep(step)
    if not is_whole:
        lane.disown()
    return Won(number, is_whole)


async def now() -> None:
    """No patience at all."""


async def refused() -> Won:
    """An attempt that gets no slot."""
    raise NoTarget("The line is full.")


async def race_of(desk: Desk, first: Coroutine[Any, Any, Won], second: Coroutine[Any, Any, Won] | None) -> list[int]:
    """Numbers of those that ended by themselves."""
    return [each.number for each in await race(desk.reply, first, now(), lambda: second)]


async def test_the_slower_of_two_is_cancelled() -> None:
    desk = Desk()
    first, second = desk.lane(1), desk.lane(2, B)
    assert await race_of(desk, run(first, 1, 5.0, say("a")), run(second, 2, say("b"), 0.001, FINISH)) == [2]
    assert desk.out.body == say("b") + FINISH


async def test_a_second_without_a_slot_does_not_harm_the_first() -> None:
    desk = Desk()
    assert await race_of(desk, run(desk.lane(1), 1, 0.001, say("a"), FINISH), refused()) == [1]


async def test_a_first_without_a_slot_does_not_harm_the_second() -> None:
    desk = Desk()
    assert await race_of(desk, _soon_refused(), run(desk.lane(2), 2, 0.01, say("a"), FINISH)) == [2]


async def _soon_refused() -> Won:
    await asyncio.sleep(0.001)
    return await refused()


async def test_two_without_a_slot_are_refused() -> None:
    with pytest.raises(NoTarget):
        await race_of(Desk(), refused(), None)
    with pytest.raises(NoTarget):
        await race_of(Desk(), _soon_refused(), _soon_refused())


async def test_a_first_that_breaks_as_it_begins_leaves_nothing_for_the_second_to_repeat() -> None:
    desk = Desk()
    first, second = desk.lane(1), desk.lane(2, B)
    ended = await race_of(desk, run(first, 1, 0.001, say("a"), is_whole=False), run(second, 2, 5.0, say("b")))
    assert (ended, desk.out.body) == ([1], say("a"))


def hedging(**scripts: tuple[Script, ...]) -> tuple[Rig, FakeServers]:
    """A model of two targets that hedges at once: enough first tokens are known, and all came in no time."""
    servers = FakeServers(**scripts)
    route = ModelRoute("m", (A, B), hedging=Hedging(max_share=1.0))
    return Rig(servers, Cluster((route,)).to_catalogue(), {}), servers


def quick(body: bytes) -> Script:
    """A whole answer, unary or as a stream."""

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        if request.is_stream:
            out.start(200, EVENTS)
            out.write(say(endpoint.id) + FINISH + DONE)
            out.end()
        else:
            out.full(200, ((b"content-type", b"application/json"),), body)
        return outcome(200, is_committed=True)

    return play


class Meeting:
    """Servers of which the second is asked while the first is under way, and then both act in one turn of the loop."""

    def __init__(self) -> None:
        self.both = asyncio.Event()
        self.count = 0

    def then(self, play: Script, breaks: Script) -> Script:
        """The first to be asked does as `breaks`, the second as `play`."""

        async def meet(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
            self.count += 1
            mine = breaks if self.count == 1 else play
            if self.count == 2:
                self.both.set()
                await asyncio.sleep(0)  # the first goes first
            await self.both.wait()
            return await mine(endpoint, request, out)

        return meet


def breaking(*chunks: bytes) -> Script:
    """A stream that breaks after these."""

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        out.start(200, EVENTS)
        for chunk in chunks:
            out.write(chunk)
        return outcome(200, Failure.RESET, is_committed=True)

    return play


async def meet(body: bytes, play: Script, breaks: Script, *later: Script) -> tuple[Rig, FakeOut]:
    """A request whose first attempt does as `breaks` in the turn in which the second, at the other target, does as `play`."""
    rig, servers = hedging(a=(quick(ANSWER),), b=(quick(ANSWER),))
    for _ in range(FEWEST):
        await rig.post(body)
    rig.sink.entries.clear()
    both = Meeting().then(play, breaks)
    servers.scripts = {"a": [both, *later], "b": [both, *later]}
    return rig, await rig.post(body)


@pytest.mark.parametrize("body", [CHAT, STREAM])
async def test_hedged_attempts_that_end_in_one_moment_give_one_whole_answer(body: bytes) -> None:
    rig, out = await meet(body, quick(ANSWER), quick(ANSWER))
    assert (out.status, out.is_ended, out.body.count(DONE)) == (200, True, 1 if body is STREAM else 0)
    assert sorted(row.attempt for row in rig.sink.entries) == [1, 2]


async def test_a_hedged_first_that_breaks_in_the_moment_in_which_the_second_is_whole_is_continued() -> None:
    rig, out = await meet(STREAM, quick(ANSWER), breaking(say("one ")), quick(ANSWER))
    assert said(out.body) in ("one a", "one b")
    assert (out.is_ended, out.body.count(DONE)) == (True, 1)
    assert sorted(row.attempt for row in rig.sink.entries) == [1, 2, 3]
