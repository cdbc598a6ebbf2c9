"""Prefers targets by their configured weight."""

from collections import Counter
from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query


class Weight:
    """A target's weight, divided among those of its endpoints that are there, against the heaviest: more replicas don't give it more."""

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        del query
        replicas = Counter(c.target.name for c in candidates)
        shares = [c.target.weight / replicas[c.target.name] for c in candidates]
        heaviest = max(shares)
        return [share / heaviest for share in shares]
