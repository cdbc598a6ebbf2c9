"""Prefers models that are said to be better."""

from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query

UNKNOWN = 0.5
TASK_BONUS = 0.25
"""What being made for the request's task counts for, against a card's quality of 0 to 1."""


class Quality:
    """The card's `quality`, and a bonus where the caller names a task (`x-turnout-task`) that the model is made for."""

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`; a model that nobody has said anything about scores 0.5 of what's possible."""
        task = query.features.task
        return [_rate(c, task) / (1 + TASK_BONUS) for c in candidates]


def _rate(candidate: Candidate, task: str) -> float:
    card = candidate.target.card
    quality = UNKNOWN if card.quality is None else card.quality
    return quality + (TASK_BONUS if task and task in card.tasks else 0.0)
