"""Nobody is better than another."""

from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query


class Even:
    """1.0 for everybody: the Picker decides alone."""

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        del query
        return [1.0] * len(candidates)
