"""The three seams of planning and their composition: Filters say who may, Scorers how good, a Picker who it is."""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from turnout.models.errors import NoTarget
from turnout.router.plan.fleet import Candidate
from turnout.router.values import Constraints, Features


class Filter(Protocol):
    """A hard constraint. Pure."""

    def refuse(self, candidate: Candidate, constraints: Constraints, features: Features) -> str | None:
        """Why `candidate` may not answer, as a reason code such as `not_local`; None if it may."""
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
        eligible, reasons = self._filter(candidates, constraints, features, tried)
        if not eligible:
            raise NoTarget(_explain(reasons), None, 1.0)
        healthy = (
            [c for c in eligible if c.ejected_until <= now] if any(c.ejected_until for c in eligible) else eligible
        )
        ranked = healthy or eligible
        if len(ranked) == 1:
            return RoutePlan(ranked[0], "only" if len(eligible) == 1 else "only_healthy")
        return RoutePlan(ranked[self._picker.pick(self._scorer.score(ranked, features))], self.name)

    def _filter(
        self,
        candidates: Sequence[Candidate],
        constraints: Constraints,
        features: Features,
        tried: Collection[Candidate],
    ) -> tuple[list[Candidate], set[str]]:
        eligible: list[Candidate] = []
        reasons: set[str] = set()
        for candidate in candidates:
            if tried and candidate in tried:
                reasons.add("tried")
                continue
            for each in self._filters:
                reason = each.refuse(candidate, constraints, features)
                if reason is not None:
                    reasons.add(reason)
                    break
            else:
                eligible.append(candidate)
        return eligible, reasons


def _explain(reasons: set[str]) -> str:
    if not reasons:
        return "No target is available for this model now: none is running, or all are drained."
    return f"No target may answer this request now ({', '.join(sorted(reasons))})."
