"""
Runs the attempts of one request: the only place that decides whether to try again, and the only one that calls `relay`.

What follows from a failure stands in `rules.py`, and `course.py` finds the place for it. Here both are carried out: wait, try, and go on with
a stream that broke in the middle.
"""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import structs

from turnout.models.cause import Cause
from turnout.models.errors import BudgetExceeded, NoTarget, TurnoutError
from turnout.models.exchange import Out
from turnout.models.openai.continuation.ending import write_ending
from turnout.models.openai.continuation.progress import Progress, read_progress
from turnout.models.openai.continuation.ways import Continuation
from turnout.models.openai.request import ApiRequest
from turnout.models.providers.provider import Answer, Provider
from turnout.models.upstream import Limits, Outcome, Upstream, UpstreamRequest
from turnout.models.usage import Usage
from turnout.router.account import Account, Hold
from turnout.router.call import Call, Way
from turnout.router.execute.course import Course, Pause, Place
from turnout.router.execute.fair_share import Claim
from turnout.router.execute.heartbeats import Heartbeats
from turnout.router.execute.hedging import Hedges, race
from turnout.router.execute.judge import Judge
from turnout.router.execute.retry_budget import RetryBudget
from turnout.router.execute.slots import Slots
from turnout.router.execute.turns import Turns
from turnout.router.explain import Explanations
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.spill.budget import SpillSpent
from turnout.router.plan.strategies.named import Strategies
from turnout.router.stream import Lane, Reply
from turnout.router.values import TYPICAL_OUTPUT_TOKENS

STALE_PLAN_S = 0.001
"""A place that was chosen longer ago than this, in front of a line, is looked at again."""

PRIORITIES = 1000
"""How far from 0, either way, a priority is that engines are told."""


class Tally(Protocol):
    """Counts what execute does; the Observer is one."""

    def attempt(self, target: str, outcome: str) -> None:
        """An attempt ended: `ok` or the value of a Cause."""
        ...

    def fall_back(self, model: str, target: str, cause: str) -> None:
        """An attempt went to `target` in place of the model's own."""
        ...

    def continued(self, way: str) -> None:
        """A broken stream was gone on with."""
        ...

    def hedge(self, event: str) -> None:
        """A second attempt `started` beside the first, or `won`."""
        ...


class Attempt(msgspec.Struct, frozen=True):
    """
    How one attempt went.

    Attributes:
        cause: why it failed, or None if the client has a whole answer.
    """

    way: Way
    outcome: Outcome
    answer: Answer
    cause: Cause | None

    @property
    def is_whole(self) -> bool:
        """Whether the client has a complete answer."""
        return self.cause is None


class Remainder(msgspec.Struct, frozen=True):
    """What is left of a broken stream: how far it came, and the way to go on."""

    progress: Progress
    way: Continuation

    @property
    def most_tokens(self) -> int:
        """What the answer so far adds to a prompt at most."""
        return max(self.progress.output_tokens, len(self.progress.text.encode()))


class Attempts:
    """Collaborators of execute; one per router replica. Owns the retry budgets, one for each model."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        strategies: Strategies,
        slots: Slots,
        upstream: Upstream,
        providers: Mapping[str, Provider],
        account: Account,
        heartbeats: Heartbeats,
        tally: Tally,
        explanations: Explanations,
        now: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
        draw: Callable[[], float],
    ) -> None:
        self._fleet = fleet
        self._strategies = strategies
        self._slots = slots
        self._upstream = upstream
        self._providers = providers
        self._account = account
        self._heartbeats = heartbeats
        self._tally = tally
        self._explanations = explanations
        self._now = now
        self._sleep = sleep
        self._draw = draw
        self._budgets: dict[str, RetryBudget] = {}
        self._hedges = Hedges()
        self._turns = Turns(now)
        self._judge = Judge(tally.attempt, now)

    async def run(self, call: Call, out: Out) -> Attempt | None:
        """
        Answer `call` into `out`, whole or broken off in-band; the last attempt is returned, or None if none was begun after the head had gone out.

        Raises:
            TurnoutError: nothing has been written to `out`; the caller tells the client.
        """
        reply = Reply(out, self._now)
        try:
            if not call.request.is_stream:
                return await self._answer(call, reply)
            return await self._stream(call, reply)
        finally:
            self._explanations.finish(call.arrival.id)

    async def _stream(self, call: Call, reply: Reply) -> Attempt | None:
        """`_answer` for a stream: while nothing comes, its client is told that it's alive, and what goes wrong is then told in-band."""
        with self._heartbeats.watch(reply, call.arrival.echo_id, call.route.timeouts.heartbeat_after_s):
            try:
                return await self._answer(call, reply)
            except TurnoutError as error:
                if not reply.is_head_sent:
                    raise
                reply.break_off(error)
                return None

    async def _answer(self, call: Call, reply: Reply) -> Attempt:
        """Attempt after attempt, until one is whole or nothing is left to try."""
        course = self._set_out(call)
        last: Attempt | None = None
        progress: Progress | None = None
        while True:
            try:
                place = await self._find_place(course)
                attempt = await self._attempt(course, place, reply, progress)
            except (NoTarget, BudgetExceeded):
                if last is None:
                    raise
                return self._give_up(last, reply)
            if attempt is None:
                course.skip(place.plan.candidate)
                continue
            last = attempt
            if last.cause is None:
                return last
            course.note(last.way.plan.candidate, last.cause)
            if reply.has_content:
                progress = read_progress(call.request, reply.transcript)
                if progress.obstacle is not None or not call.route.continues:
                    return self._end(last, progress, reply)

    def _set_out(self, call: Call) -> Course:
        """A course that begins with the model asked for, or with the cheaper one that a budget asks for by now."""
        course = Course(call, self._fleet, self._strategies, self._budget(call), self._draw)
        cheaper = self._account.find_downgrade(call)
        if cheaper is not None:
            course.divert(cheaper)
        return course

    async def _attempt(self, course: Course, place: Place, reply: Reply, progress: Progress | None) -> Attempt | None:
        """
        One attempt, or as many as one place may need to go on with an answer; None if there was none that says anything.

        Raises:
            NoTarget: the model's line is full, and no other model takes over.
        """
        try:
            if progress is not None:
                return await self._go_on(course, place, reply, progress)
            if course.call.route.hedging is not None and not course.attempts:
                return await self._hedge(course, place, reply)
            return await self._try(course, place, course.begin_attempt(), reply, None)
        except BudgetExceeded as error:
            course.note_unpaid(place.plan.candidate, error.message)
        except SpillSpent:
            course.decline(place.plan.candidate)
        except NoTarget:
            if not course.try_spill(self._now()):
                raise
        return None

    async def _hedge(self, course: Course, place: Place, reply: Reply) -> Attempt:
        """The first attempt, with a second beside it if it's slow; of two that fail the course hears of the one, the caller gets the other."""
        hedges, route = self._hedges, place.route
        hedges.note_request(route, course.call.arrival.started_at)
        delay_s = hedges.delay_s(route)

        def start_second() -> Coroutine[Any, Any, Attempt] | None:
            beside = course.find_beside(place, self._now())
            if beside is None or not course.may_attempt or not hedges.may_start(route, self._now()):
                return None
            self._tally.hedge("started")
            return self._try(course, beside, course.begin_attempt(), reply, None)

        first = self._try(course, place, course.begin_attempt(), reply, None)
        if delay_s is None:
            attempt = await first
        else:
            ended = await race(reply, first, self._sleep(delay_s), start_second)
            attempt = next((each for each in ended if each.is_whole), ended[-1])
            for each in ended:
                if each is not attempt and each.cause is not None:
                    course.note(each.way.plan.candidate, each.cause)
            if attempt.way.number > 1 and attempt.cause is None:
                self._tally.hedge("won")
        if attempt.cause is None:
            hedges.note_first(route, reply.taken_at - attempt.way.sent_at)
        return attempt

    async def _find_place(self, course: Course) -> Place:
        """
        The next place, after the pause that it may need.

        Raises:
            NoTarget: nothing is left to try.
        """
        step = course.next(self._now())
        while isinstance(step, Pause):
            await self._sleep(step.seconds)
            step = course.next(self._now())
        if step.fallbacks:
            cause = "unavailable" if course.cause is None else course.cause.value
            self._tally.fall_back(course.model, step.plan.candidate.target.name, cause)
        return step

    async def _go_on(self, course: Course, place: Place, reply: Reply, progress: Progress) -> Attempt | None:
        """The rest of a broken stream from `place`, by the first way that it doesn't refuse; None if it has none or refuses all."""
        candidate = place.plan.candidate
        provider = self._providers[candidate.target.provider]
        is_same_target = reply.author == candidate.target.name
        for way in provider.find_ways(
            course.call.request, progress, candidate.target, candidate.endpoint, is_same_target
        ):
            if not course.may_attempt:
                break
            attempt = await self._try(course, place, course.begin_attempt(), reply, Remainder(progress, way))
            if attempt.cause is None:
                self._tally.continued(way.value)
            # Refusing to go on says nothing about the request, which another place had accepted.
            if attempt.cause is not Cause.BAD_REQUEST:
                return attempt
        return None

    async def _try(
        self, course: Course, place: Place, number: int, reply: Reply, remainder: Remainder | None
    ) -> Attempt:
        """One call to one endpoint, inside its slot and its hold."""
        call = course.call
        slot = self._slots.slot(place.route, _claim(call))
        turn = self._turns.turn(place, call)
        planned_at = self._now()
        async with slot, turn:
            now = self._now()
            place = turn.settle(place)
            if now - planned_at > STALE_PLAN_S:
                place = course.look_again(place, now)
            candidate = place.plan.candidate
            provider = self._providers[candidate.target.provider]
            asked = self._ask(call, place)
            way = Way(call, place.plan, place.route, place.fallbacks, number, now, place.wildcard)
            lane = reply.lane(way)
            if turn.sees_first:
                lane.tell_first(turn.first)
            answer, request = _prepare(provider, call, asked, candidate, lane, remainder)
            choice = self._explanations.begin(way, self._fleet.candidates(place.route.name))
            with candidate:
                candidate.begin(way.sent_at)
                breaker = candidate.breaker
                era = breaker.begin() if breaker is not None else 0
                verdict: bool | None = None
                try:
                    hold = self._account.hold(way, answer, asked, 0 if remainder is None else remainder.most_tokens)
                    async with hold:
                        lane.book_by(hold.complete)
                        try:
                            outcome = await self._upstream.relay(
                                candidate.endpoint, request, answer, _limits(way, lane)
                            )
                        except CancelledError:
                            _lose_if_beaten(hold, reply, number)
                            raise
                        hold.settle(outcome)
                    if answer.usage is not None:
                        slot.settle(answer.usage.input_tokens + answer.usage.output_tokens)
                        _note_speed(way, reply, outcome, answer.usage)
                        turn.count(answer.usage.output_tokens)
                    cause = self._find_cause(call, provider, outcome, answer)
                    verdict = self._judge.judge(
                        candidate, outcome, cause, answer.usage, is_callers_limit=_is_callers_limit(call, cause)
                    )
                finally:
                    choice.first_at = reply.taken_at if reply.taken_by == number else None
                    if breaker is not None:
                        breaker.end(era, verdict, self._now())
        if cause is not None:
            choice.cause = cause.value
            lane.disown()
        elif not lane.is_owner:
            cause = Cause.BROKEN_STREAM  # whole, but beside an answer that the client has part of
        return Attempt(way, outcome, answer, cause)

    def _ask(self, call: Call, place: Place) -> ApiRequest:
        """The request as it's sent there."""
        asked = self._account.cap(call, place.route, place.plan)
        return asked if asked.wildcard == place.wildcard else structs.replace(asked, wildcard=place.wildcard)

    def _find_cause(self, call: Call, provider: Provider, outcome: Outcome, answer: Answer) -> Cause | None:
        """None for a whole answer; else why it isn't."""
        if answer.is_complete or (outcome.failure is not None and answer.try_finish()):
            return None
        cause = provider.find_cause(outcome, answer)
        if cause is Cause.TIMEOUT and self._now() >= call.constraints.deadline_at:
            return Cause.DEADLINE
        return cause

    def _end(self, last: Attempt, progress: Progress, reply: Reply) -> Attempt:
        """A broken stream that isn't gone on with: made whole if only its end is missing, else broken off."""
        ending = write_ending(last.way.call.request, progress)
        if ending is None:
            return self._give_up(last, reply)
        reply.finish(ending)
        return structs.replace(last, cause=None)

    def _give_up(self, last: Attempt, reply: Reply) -> Attempt:
        """Tell the client why there's no answer, or no more of it."""
        target = last.way.plan.candidate.target
        # The error is made where it's raised and kept nowhere: one that a frame of its own traceback holds is a cycle, and holds the whole request.
        if not reply.is_head_sent:
            raise self._providers[target.provider].explain(last.outcome, target)
        reply.break_off(self._providers[target.provider].explain(last.outcome, target))
        return last

    def _budget(self, call: Call) -> RetryBudget:
        name = call.route.name
        budget = self._budgets.get(name)
        if budget is None:
            budget = self._budgets[name] = RetryBudget()
        budget.note_request(call.arrival.started_at)
        return budget


def _claim(call: Call) -> Claim:
    """What the request brings along into a line. Callers' limits are often far above what they get, so one says only how much less it may be."""
    principal, features = call.principal, call.features
    output_tokens = features.max_output_tokens
    if output_tokens is None or output_tokens > TYPICAL_OUTPUT_TOKENS:
        output_tokens = TYPICAL_OUTPUT_TOKENS
    return Claim(
        call.priority,
        call.constraints.deadline_at,
        principal.tenant,
        principal.share,
        1 + features.prompt_tokens + output_tokens,
    )


def _prepare(
    provider: Provider, call: Call, asked: ApiRequest, candidate: Candidate, lane: Lane, remainder: Remainder | None
) -> tuple[Answer, UpstreamRequest]:
    """What reads the answer, and what is sent."""
    if candidate.endpoint.heeds_priority:
        asked = structs.replace(asked, engine_priority=max(-PRIORITIES, min(call.priority, PRIORITIES)))
    if remainder is None:
        answer = provider.read_answer(call.request, lane, lane.note_usage)
        return answer, provider.write_request(asked, candidate.target)
    way, progress = remainder.way, remainder.progress
    answer = provider.read_continuation(way, call.request, progress, lane, lane.note_usage)
    return answer, provider.write_continuation(way, asked, progress, candidate.target, candidate.endpoint)


def _lose_if_beaten(hold: Hold, reply: Reply, number: int) -> None:
    """Book an attempt that is cancelled as one that lost to another, if that's why."""
    if reply.has_content and reply.taken_by != number:
        hold.lose()


def _note_speed(way: Way, reply: Reply, outcome: Outcome, usage: Usage) -> None:
    """Let the endpoint know how fast it was, by the tokens that it says it has made."""
    speed, ended_at = way.plan.candidate.speed, outcome.ended_at
    if speed is None:
        return
    if not way.call.request.is_stream:
        speed.note_whole(ended_at - way.sent_at, usage.output_tokens, ended_at)
    elif reply.taken_by == way.number:
        speed.note_stream(reply.taken_at - way.sent_at, ended_at - reply.taken_at, usage.output_tokens, ended_at)


def _is_callers_limit(call: Call, cause: Cause | None) -> bool:
    """Whether a caller's own impatience ended it, which says nothing about a place to others."""
    return (cause is Cause.TIMEOUT and call.constraints.first_token_s is not None) or (
        cause is Cause.STALLED_STREAM and call.constraints.gap_s is not None
    )


def _limits(way: Way, lane: Lane) -> Limits:
    """What is left for this attempt. A stream's total is the request's: a healthy one isn't cut for being long."""
    call = way.call
    timeouts, asked = way.route.timeouts, call.constraints
    if call.request.is_stream:
        first_s = min(asked.first_token_s or timeouts.first_token_s, timeouts.attempt_s)
        return Limits(
            timeouts.connect_s, first_s, asked.gap_s or timeouts.gap_s, asked.deadline_at, has_token=lane.has_token
        )
    attempt_s = min(asked.first_token_s or timeouts.attempt_s, timeouts.attempt_s)
    return Limits(timeouts.connect_s, attempt_s, attempt_s, min(asked.deadline_at, way.sent_at + attempt_s))
