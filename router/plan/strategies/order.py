"""Prefers targets in an order: the config's, or the one that the caller wishes."""

from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query


class Order:
    """The first target that's there, by its place in the config: `1 / (1 + place)`."""

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """Candidates come in the config's order; those of one target score the same."""
        del query
        places: dict[str, int] = {}
        return [1.0 / (1 + places.setdefault(c.target.name, len(places))) for c in candidates]


class WishedOrder:
    """The caller's `provider{order}`, by vendor or target; who isn't named comes last."""

    def score(self, candidates: Sequence[Candidate], query: Query) -> Sequence[float]:
        """See `Scorer`."""
        wishes = query.constraints.preferences
        order = wishes.order if wishes is not None else ()
        places = {name: place for place, name in reversed(list(enumerate(order)))}
        last = len(order)
        return [1.0 / (1 + min(places.get(c.target.vendor, last), places.get(c.target.name, last))) for c in candidates]
