"""The three seams of planning and their composition: Filters say who may, Scorers how good, a Picker who it is."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from turnout.models.errors import NoTarget
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

    def __init__(self, name: str, filters: Sequence[Filter], scorer: Scorer, picker: Picker) -> None:
        self.name = name
        self._filters = tuple(filters)
        self._scorer = scorer
        self._picker = picker

    def plan(
        self,
        candidates: Sequence[Candidate],
        constraints: Constraints,
        features: Features,
        tried: Collection[Candidate],
        now: float,
    ) -> RoutePlan:
        """
        Choose one of `candidates` for the next attempt.

        Candidates tried before are out. Ejected ones are preferred to none at all: when everything looks broken, trying is better than refusing.

        Raises:
            NoTarget: nobody may answer; the message has the reason codes.
        """
        reasons: set[str] = set()
        eligible = candidates
        if tried:
            eligible = [candidate for candidate in candidates if candidate not in tried]
            reasons.add("tried")
        for each in self._filters:
            eligible = each.keep(eligible, constraints, features, reasons)
        if not eligible:
            raise NoTarget(_explain(reasons), None, 1.0)
        ranked = [candidate for candidate in eligible if candidate.ejected_until <= now] or eligible
        if len(ranked) == 1:
            return RoutePlan(ranked[0], "only" if len(eligible) == 1 else "only_healthy")
        return RoutePlan(ranked[self._picker.pick(self._scorer.score(ranked, features))], self.name)


def _explain(reasons: set[str]) -> str:
    if not reasons:
        return "No target is available for this model now: none is running, or all are drained."
    return f"No target may answer this request now ({', '.join(sorted(reasons))})."
