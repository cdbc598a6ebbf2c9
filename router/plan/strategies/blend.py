"""Several preferences at once."""

from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.plan.strategy import Scorer


class Blend:
    """The weighted mean of several Scorers."""

    def __init__(self, parts: Sequence[tuple[Scorer, float]]) -> None:
        """
        Args:
            parts: each Scorer with its weight, above 0.
        """
        whole = sum(weight for _, weight in parts)
        self._parts = [(scorer, weight / whole) for scorer, weight in parts]

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        sums = [0.0] * len(candidates)
        for scorer, weight in self._parts:
            for at, score in enumerate(scorer.score(candidates, query)):
                sums[at] += weight * score
        return sums
