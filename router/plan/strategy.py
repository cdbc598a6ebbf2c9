"""The three seams of planning and their composition: Filters say who may, Scorers how good, a Picker who it is."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from turnout.models.errors import FitsNowhere, NoTarget, Unservable
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.pacing import Pacing
from turnout.router.plan.predict.outlook import Forecast
from turnout.router.plan.query import Query
from turnout.router.plan.spill.budget import SpillBudget

TRIED, SLOW_START, TOO_LATE = "tried", "slow_start", "too_late"

CONTEXT_WINDOW = "context_window"
"""The code of what is too long for a model; where it's the only one, the caller hears of it by the name that OpenAI's clients know."""

FORESIGHT_S = 60.0
"""No prediction reaches farther: who gives an attempt longer than this isn't told beforehand that it will be too late."""

ANY_CONTEXT_TOKENS = 256
"""A prompt and an answer that fit every model that there is."""


CAUTION = 2.0
"""
What a second of waiting counts for: it grows by what comes meanwhile. At 2.5 times what replicas can do, half of those that were let in by the plain
prediction were late in simulation; with 2 nearly none was, and no more were refused than had to be.
"""

LEAST_RETRY_S = 0.05
"""No refusal asks its caller to come back sooner."""


class Filter(Protocol):
    """
    A hard constraint. Pure.

    Attributes:
        code: why it leaves somebody out, such as `not_local`.
    """

    @property
    def code(self) -> str: ...

    def concerns(self, query: Query) -> bool:
        """Whether it could leave anybody out; most requests ask for nothing."""
        ...

    def admits(self, candidate: Candidate, query: Query) -> bool:
        """Whether this one may answer."""
        ...


class Scorer(Protocol):
    """A preference. Pure."""

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """Scores in [0, 1], 1 best, in the order of the n >= 1 candidates."""
        ...


class Picker(Protocol):
    """Turns scores into a choice."""

    def pick(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> int:
        """An index into the n >= 2 candidates and their scores."""
        ...


class Foreseen(list[float]):
    """
    Scores, with the forecasts that they were made from.

    Attributes:
        forecasts: of each candidate, in their order.
    """

    __slots__ = ("forecasts",)

    def __init__(self, scores: Iterable[float], forecasts: Sequence[Forecast | None]) -> None:
        super().__init__(scores)
        self.forecasts = forecasts


class RoutePlan(msgspec.Struct, frozen=True):
    """
    Where an attempt goes and why.

    Attributes:
        candidate: there.
        reason: in one word.
        ranked, scores: who was left to choose from, and how good each looked; empty where there was no choice.
        pacing: what holds the attempt back until an endpoint can begin it, or None.
        unwell: who may answer by what must hold, and not now; with the code of why.
        spill: what pays for it where the target is one in reserve and there's a bound on that, or None.
    """

    candidate: Candidate
    reason: str
    ranked: Sequence[Candidate] = ()
    scores: Sequence[float] = ()
    pacing: Pacing | None = None
    unwell: Sequence[tuple[Candidate, str]] = ()
    spill: SpillBudget | None = None


class Strategy:
    """A named composition of Filters, one Scorer and a Picker."""

    def __init__(
        self,
        name: str,
        filters: Sequence[Filter],
        scorer: Scorer,
        picker: Picker,
        draw: Callable[[], float],
        pacing: Pacing | None = None,
    ) -> None:
        """
        Args:
            name: what the config calls it.
            filters, scorer, picker: its parts.
            draw: numbers in [0, 1), for targets that come back slowly.
            pacing: what holds its attempts back, if anything does.
        """
        self.name = name
        self._filters = tuple(filters)
        self._scorer = scorer
        self._picker = picker
        self._draw = draw
        self._pacing = pacing

    def __repr__(self) -> str:
        return f"<Strategy {self.name}>"

    def plan(self, candidates: Sequence[Candidate], query: Query) -> RoutePlan:
        """
        Choose one of `candidates` for the next attempt.

        Those tried before are out, and so are those that rest, whose key is refused, or whose breaker doesn't admit. A target whose breaker has just
        closed gets its share of requests only. A strategy that holds requests back foresees when they'd have their first token; endpoints where that
        is later than the caller waits for it are out.

        Raises:
            NoTarget: nobody may answer now; the message and `reasons` have the codes, `retry_after_s` when somebody may.
            Unservable: what must hold leaves nobody, so waiting won't help.
        """
        now = query.now
        eligible = self.admitted(candidates, query)
        # Most are well, and nothing is called to see that.
        ranked = [
            c
            for c in eligible
            if (
                c.rest_until <= now >= c.ejected_until
                and c.out_until <= now
                and (c.breaker is None or c.breaker.full_at <= now)
            )
            or self._may_begin(c, query)
        ]
        if not ranked:
            raise self._refuse(candidates, eligible, query)
        if self._pacing is not None and query.left_s < FORESIGHT_S:
            ranked = _leave_out_late(ranked, self._pacing, query)
        unwell = () if len(ranked) == len(eligible) else _tell_unwell(eligible, ranked, query)
        if len(ranked) == 1:
            reason = "only" if len(eligible) == 1 else "only_healthy"
            return RoutePlan(ranked[0], reason, pacing=self._pacing, unwell=unwell)
        scores = self._scorer.score(ranked, query)
        best = ranked[self._picker.pick(ranked, scores)]
        return RoutePlan(best, self.name, ranked, scores, self._pacing, unwell)

    def admitted(self, candidates: Sequence[Candidate], query: Query) -> Sequence[Candidate]:
        """Those that may answer by what must hold, whether or not they're well."""
        if query.tried:
            candidates = [c for c in candidates if c not in query.tried]
        for each in self._concerned(query):
            candidates = [c for c in candidates if each.admits(c, query)]
        return candidates

    def _concerned(self, query: Query) -> Sequence[Filter]:
        """The Filters that could leave anybody out: none, for most requests, and that is seen at a glance."""
        constraints, features = query.constraints, query.features
        if not constraints.binds and features.least_tokens <= ANY_CONTEXT_TOKENS:
            return ()
        return [each for each in self._filters if each.concerns(query)]

    def exclusions(self, candidates: Iterable[Candidate], query: Query) -> Iterator[tuple[Candidate, str]]:
        """Everybody who may not answer now, with the code of the first reason."""
        concerned = self._concerned(query)
        for candidate in candidates:
            if candidate in query.tried:
                yield candidate, TRIED
                continue
            code = next((each.code for each in concerned if not each.admits(candidate, query)), None)
            code = code or candidate.why_not(query.now, even_ejected=query.even_ejected)
            if code is not None:
                yield candidate, code

    def _may_begin(self, candidate: Candidate, query: Query) -> bool:
        """Whether one that isn't quite well is taken this time."""
        now = query.now
        if not candidate.may_begin(now, even_ejected=query.even_ejected):
            return False
        if query.even_ejected or candidate.breaker is None:
            return True
        share = candidate.breaker.share(now)
        return share >= 1.0 or self._draw() < share

    def _refuse(self, candidates: Sequence[Candidate], eligible: Sequence[Candidate], query: Query) -> NoTarget:
        """The refusal, with the time at which somebody may answer again."""
        reasons = frozenset(code for _, code in self.exclusions(candidates, query))
        wait_s = 1.0
        if eligible:
            reasons = reasons or frozenset({SLOW_START})
            wait_s = max(0.001, min(c.may_begin_at(query.now) for c in eligible) - query.now)
        if not reasons:
            return NoTarget(
                "No target is available for this model now: none is running, or all are drained.", None, wait_s
            )
        codes = ", ".join(sorted(reasons))
        if not eligible and not query.tried:
            never = FitsNowhere if reasons == frozenset({CONTEXT_WINDOW}) else Unservable
            return never(f"No target of this model may answer this request ({codes}).", None, None, reasons)
        return NoTarget(f"No target may answer this request now ({codes}).", None, wait_s, reasons)


def _leave_out_late(ranked: Sequence[Candidate], pacing: Pacing, query: Query) -> list[Candidate]:
    """
    Those that can have the first token ready in time, as far as that's known.

    Raises:
        NoTarget: nobody can; after `retry_after_s` somebody could, if nothing else came meanwhile.
    """
    now, tokens, blocks = query.now, query.features.prompt_tokens, query.features.blocks.hashes
    left_s = query.left_s - CAUTION * pacing.wait_s
    in_time: list[Candidate] = []
    least_s = math.inf
    for candidate in ranked:
        outlook = candidate.outlook
        if outlook is None or not outlook.pace.is_founded(now):
            in_time.append(candidate)
            continue
        seen = outlook.foresee(tokens, blocks, now)
        first_s = seen.prefill_s + CAUTION * seen.wait_s
        if first_s <= left_s:
            in_time.append(candidate)
        least_s = min(least_s, first_s)
    if not in_time:
        text = f"No target could begin its answer within the time allowed ({TOO_LATE}): ask again later, or allow more."
        raise NoTarget(text, None, max(LEAST_RETRY_S, (least_s - left_s) / CAUTION), frozenset({TOO_LATE}))
    return in_time


def _tell_unwell(
    eligible: Sequence[Candidate], ranked: Sequence[Candidate], query: Query
) -> Sequence[tuple[Candidate, str]]:
    return tuple(
        (each, each.why_not(query.now, even_ejected=query.even_ejected) or _why_not_now(each, query))
        for each in eligible
        if each not in ranked
    )


def _why_not_now(candidate: Candidate, query: Query) -> str:
    """Of one that is well: its target comes back slowly, or its first token would come too late."""
    breaker = candidate.breaker
    return SLOW_START if breaker is not None and breaker.share(query.now) < 1.0 else TOO_LATE
