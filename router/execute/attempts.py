"""
Runs the attempts of one request: the only place that decides whether to try again, and the only one that calls `relay`.

The rule, for now: what was never sent is sent elsewhere, up to MAX_ATTEMPTS. An engine that vanished between two requests therefore costs nobody an
answer, and nothing is ever run twice.
"""

import logging
from collections.abc import Callable, Mapping

import msgspec

from turnout.models.errors import NoTarget, TurnoutError
from turnout.models.exchange import Out
from turnout.models.providers.provider import Answer, Provider
from turnout.models.target import LOAD_HEADER, Load
from turnout.models.upstream import Failure, Limits, Outcome, Upstream
from turnout.router.account import Account
from turnout.router.call import Call, Way
from turnout.router.execute.slots import Slots
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.strategy import RoutePlan, Strategy
from turnout.router.stream import AnswerHead

MAX_ATTEMPTS = 3
_NOBODY_THERE = (Failure.CONNECT, Failure.CONNECT_TIMEOUT)
_log = logging.getLogger("turnout.attempts")


class Attempt(msgspec.Struct, frozen=True):
    """
    How one attempt went.

    Attributes:
        is_committed: whether the client has seen any of it.
    """

    way: Way
    outcome: Outcome
    answer: Answer
    is_committed: bool

    @property
    def is_whole(self) -> bool:
        """Whether the client has a complete answer."""
        return self.outcome.is_ok and self.answer.is_complete


class Attempts:
    """Collaborators of execute; one per router replica, without state of its own."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        strategy: Strategy,
        slots: Slots,
        upstream: Upstream,
        providers: Mapping[str, Provider],
        account: Account,
        now: Callable[[], float],
    ) -> None:
        self._fleet = fleet
        self._strategy = strategy
        self._slots = slots
        self._upstream = upstream
        self._providers = providers
        self._account = account
        self._now = now

    async def run(self, call: Call, out: Out) -> Attempt:
        """
        Answer `call` into `out`, whole or broken off in-band; the last attempt is returned.

        Raises:
            TurnoutError: nothing has been written to `out`; the caller tells the client.
        """
        async with self._slots.slot(
            call.route, call.principal.priority + call.request.priority, call.constraints.deadline_at
        ):
            tried: list[Candidate] = []
            last: Attempt | None = None
            while True:
                plan = self._plan(call, tried, last)
                tried.append(plan.candidate)
                last = await self._try(Way(call, plan, len(tried), self._now()), out)
                if last.is_committed:
                    return last
                if last.outcome.was_sent or len(tried) >= MAX_ATTEMPTS:
                    raise self._explain(last)

    def _plan(self, call: Call, tried: list[Candidate], last: Attempt | None) -> RoutePlan:
        """The next place to try; when none is left, what the last one said is more than that."""
        candidates = self._fleet.candidates(call.route.name)
        try:
            return self._strategy.plan(candidates, call.constraints, call.features, tried, self._now())
        except NoTarget:
            if last is None:
                raise
            raise self._explain(last) from None

    async def _try(self, way: Way, out: Out) -> Attempt:
        """One call to one endpoint, inside its hold."""
        call, candidate = way.call, way.plan.candidate
        provider = self._providers[candidate.target.provider]
        head = AnswerHead(out, way, self._now)
        answer = provider.read_answer(call.request, head, head.note_usage)
        with candidate:
            hold = self._account.hold(way, answer)
            async with hold:
                request = provider.write_request(call.request, candidate.target)
                outcome = await self._upstream.relay(candidate.endpoint, request, answer, _limits(call))
                hold.settle(outcome)
        self._judge(candidate, outcome)
        attempt = Attempt(way, outcome, answer, head.is_committed)
        if attempt.is_committed and not attempt.is_whole:
            head.break_off(self._explain(attempt))
        return attempt

    def _explain(self, attempt: Attempt) -> TurnoutError:
        """
        The caller's error for an attempt that failed.

        It's made where it's raised and kept nowhere: an error that a frame of its own traceback holds is a cycle, and holds the whole request.
        """
        target = attempt.way.plan.candidate.target
        return self._providers[target.provider].explain(attempt.outcome, target)

    def _judge(self, candidate: Candidate, outcome: Outcome) -> None:
        """Let the Fleet know how the endpoint did; refusals of a request say nothing against the endpoint."""
        load = next((value for name, value in outcome.headers if name == LOAD_HEADER), None)
        if load is not None:
            candidate.load = Load.try_parse(load) or candidate.load
        if outcome.failure is None and outcome.status < 500:
            candidate.succeed()
            return
        _log.warning(
            "attempt failed",
            extra={
                "target": candidate.target.name,
                "endpoint": candidate.endpoint.id,
                "status": outcome.status,
                "detail": outcome.detail,
            },
        )
        if outcome.failure in _NOBODY_THERE:
            candidate.refuse_connection(self._now())
        elif outcome.failure is not Failure.STALE:
            candidate.fail(self._now())


def _limits(call: Call) -> Limits:
    timeouts = call.route.timeouts
    return Limits(
        timeouts.connect_s,
        timeouts.first_token_s if call.request.is_stream else timeouts.total_s,
        timeouts.gap_s,
        call.constraints.deadline_at,
    )
