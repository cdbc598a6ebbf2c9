"""What the end of an attempt says about its endpoint and its target."""

import logging
from collections.abc import Callable

from turnout.models.cause import Cause
from turnout.models.openai.failure import retry_after_s
from turnout.models.openai.rate_limits import MARK, read_allowances
from turnout.models.target import LOAD_HEADER, Load
from turnout.models.upstream import Failure, Outcome
from turnout.models.usage import Usage
from turnout.router.execute.rules import RULES
from turnout.router.plan.fleet import Candidate

REST_S = 0.5
"""How long a place rests that's rate limited and doesn't say for how long."""

REST_MAX_S = 3600.0
"""The longest that a place rests whatever it says: one odd header isn't to take it away for good."""

_NOBODY_THERE = (Failure.CONNECT, Failure.CONNECT_TIMEOUT)
_log = logging.getLogger("turnout.attempts")


class Judge:
    """Tells candidates how they did."""

    def __init__(self, count: Callable[[str, str], None], now: Callable[[], float]) -> None:
        """
        Args:
            count: hears of every attempt: the target's name, and `ok` or the value of its Cause.
            now: loop time.
        """
        self._count = count
        self._now = now

    def judge(
        self,
        candidate: Candidate,
        outcome: Outcome,
        cause: Cause | None,
        usage: Usage | None = None,
        *,
        is_callers_limit: bool = False,
    ) -> bool | None:
        """
        Let the Fleet know how the endpoint did; the verdict is the breaker's: refusals of a request say nothing against a target.

        Args:
            is_callers_limit: whether it ended at a limit that this caller had set, which says nothing about the place to others.
        """
        self._read_headers(candidate, outcome, usage)
        self._count(candidate.target.name, "ok" if cause is None else cause.value)
        if cause is None:
            candidate.succeed()
            return True
        _log.warning(
            "attempt failed",
            extra={
                "target": candidate.target.name,
                "endpoint": candidate.endpoint.id,
                "cause": cause.value,
                "status": outcome.status,
                "detail": outcome.detail,
            },
        )
        if is_callers_limit:
            return None
        self._set_aside(candidate, outcome, cause)
        is_fault = RULES[cause].is_fault
        return None if is_fault is None or outcome.failure is Failure.STALE else not is_fault

    def _read_headers(self, candidate: Candidate, outcome: Outcome, usage: Usage | None) -> None:
        """What the place says of its load, or of its limits."""
        tells_limits = False
        for name, value in outcome.headers:
            if name == LOAD_HEADER:
                candidate.load = Load.try_parse(value) or candidate.load
            elif MARK in name:
                tells_limits = True
        told = read_allowances(outcome.headers) if tells_limits else None
        if told is not None:
            told_at = outcome.ended_at if outcome.first_byte_at is None else outcome.first_byte_at
            tokens = 0 if usage is None else usage.input_tokens + usage.output_tokens
            candidate.heed(told, told_at, self._now(), tokens)

    def _set_aside(self, candidate: Candidate, outcome: Outcome, cause: Cause) -> None:
        """What a failure means for the endpoint."""
        now = self._now()
        asked_s = retry_after_s(outcome)
        if cause is Cause.RATE_LIMITED or (cause is Cause.OVERLOADED and asked_s is not None):
            candidate.rest(now + (REST_S if asked_s is None else min(asked_s, REST_MAX_S)))
        elif cause is Cause.CREDENTIALS:
            candidate.take_out(now)
        elif outcome.failure in _NOBODY_THERE:
            candidate.refuse_connection(now)
        elif RULES[cause].is_fault and outcome.failure is not Failure.STALE:
            candidate.fail(now)
        elif RULES[cause].is_fault is False:
            candidate.succeed()
