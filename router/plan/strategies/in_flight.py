"""Prefers those with fewer attempts in flight."""

from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query


class InFlight:
    """Fewer attempts in flight for the weight is better: `1 / (1 + in_flight / weight)`."""

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """1.0 for an idle endpoint, falling towards 0."""
        del query
        return [1.0 / (1.0 + c.in_flight / c.target.weight) for c in candidates]
