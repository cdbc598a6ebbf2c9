"""The three seams of planning and their composition: Filters say who may, Scorers how good, a Picker who it is."""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import msgspec

from turnout.models.errors import NoTarget
from turnout.router.plan.breaker import Breaker
from turnout.router.plan.fleet import Candidate
from turnout.router.values import Constraints, Features


class Filter(Protocol):
    """A hard constraint. Pure."""

    def keep(
        self, candidates: Sequence[Candidate], constraints: Constraints, features: Features, reasons: set[str]
    ) -> Sequence[Candidate]:
        """Those of `candidates` that may answer, in their order; why the others may not is added to `reasons` as codes such as `not_local`."""
        ...


class Scorer(Protocol):
    """A preference. Pure."""

    def score(self, candidates: Sequence[Candidate], features: Features) -> Sequence[float]:
        """Scores in [0, 1], 1 best, in the order of the n >= 1 candidates."""
        ...


class Picker(Protocol):
    """Turns scores into a choice."""

    def pick(self, scores: Sequence[float]) -> int:
        """An index into the n >= 1 scores."""
        ...


class RoutePlan(msgspec.Struct, frozen=True):
    """Where an attempt goes and why."""

    candidate: Candidate
    reason: str


class Strategy:
    """A named composition of Filters, one Scorer and a Picker."""

    def __init__(
        self, name: str, filters: Sequence[Filter], scorer: Scorer, picker: Picker, draw: Callable[[], float]
    ) -> None:
        """
        Args:
            name: what the config calls it.
            filters, scorer, picker: its parts.
            draw: numbers in [0, 1), for targets that come back slowly.
        """
        self.name = name
        self._filters = tuple(filters)
        self._scorer = scorer
        self._picker = picker
        self._draw = draw

    def plan(
        self,
        candidates: Sequence[Candidate],
        constraints: Constraints,
        features: Features,
        tried: Collection[Candidate],
        now: float,
        *,
        even_ejected: bool = False,
    ) -> RoutePlan:
        """
        Choose one of `candidates` for the next attempt.

        Those tried before are out, and so are those that rest, whose key is refused, or whose breaker doesn't admit. A target whose breaker has just
        closed gets its share of requests only.

        Args:
            even_ejected: take endpoints too that have failed several times in a row, and targets beyond their share: when everything looks broken,
                trying is better than refusing.

        Raises:
            NoTarget: nobody may answer now; the message has the reason codes, `retry_after_s` when somebody may.
        """
        reasons: set[str] = set()
        eligible = candidates
        if tried:
            eligible = [candidate for candidate in candidates if candidate not in tried]
            reasons.add("tried")
        for each in self._filters:
            eligible = each.keep(eligible, constraints, features, reasons)
        ranked = [c for c in eligible if c.may_begin(now, even_ejected=even_ejected)]
        if not even_ejected:
            ranked = [c for c in ranked if c.breaker is None or self._is_within_share(c.breaker, now)]
        if not ranked:
            raise _nobody(eligible, reasons, now)
        if len(ranked) == 1:
            return RoutePlan(ranked[0], "only" if len(eligible) == 1 else "only_healthy")
        return RoutePlan(ranked[self._picker.pick(self._scorer.score(ranked, features))], self.name)

    def _is_within_share(self, breaker: Breaker, now: float) -> bool:
        share = breaker.share(now)
        return share >= 1.0 or self._draw() < share


def _nobody(eligible: Sequence[Candidate], reasons: set[str], now: float) -> NoTarget:
    """The refusal, with the time at which somebody may answer again."""
    if not eligible:
        return NoTarget(_explain(reasons), None, 1.0)
    free_at = min(candidate.may_begin_at(now) for candidate in eligible)
    return NoTarget(_explain({*reasons, "resting"}), None, max(0.001, free_at - now))


def _explain(reasons: set[str]) -> str:
    if not reasons:
        return "No target is available for this model now: none is running, or all are drained."
    return f"No target may answer this request now ({', '.join(sorted(reasons))})."
