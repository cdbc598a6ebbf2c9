"""Which of several models could answer a request now, and for how much."""

from collections.abc import Callable, Sequence

import msgspec

from turnout.router.call import Call
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.cost import price_pusd
from turnout.router.plan.strategies.named import Strategies


class Offer(msgspec.Struct, frozen=True):
    """
    A model that may answer.

    Attributes:
        model: its public name.
        price_pusd: what an answer of the usual length would cost at its cheapest place, or None where no place has a price.
    """

    model: str
    price_pusd: int | None


class Offers:
    """Asks the fleet under a request's own constraints, so that nobody is chosen who may not answer."""

    def __init__(self, fleet: Fleet, strategies: Strategies, now: Callable[[], float]) -> None:
        self._fleet = fleet
        self._strategies = strategies
        self._now = now

    def find(self, models: Sequence[str], call: Call) -> Sequence[Offer]:
        """
        Those of `models` that can answer now; if there's none, those that may as soon as they're well; if there's none of these either, all.

        The last are refused in execute, with the reasons.
        """
        now = self._now()
        placed = [(model, self._places(model, call, now)) for model in models]
        well = [(model, [place for place in places if place.may_begin(now)]) for model, places in placed]
        for offered in (well, placed):
            found = [Offer(model, _cheapest(places, call)) for model, places in offered if places]
            if found:
                return found
        return [Offer(model, None) for model in models]

    def _places(self, model: str, call: Call, now: float) -> Sequence[Candidate]:
        route = self._fleet.catalogue.find(model)
        if route is None:
            return ()
        query = Query(call.constraints, call.features, now)
        return self._strategies.of(route, call.constraints).admitted(self._fleet.candidates(route.name), query)


def _cheapest(places: Sequence[Candidate], call: Call) -> int | None:
    targets = {id(place.target): place.target for place in places}
    prices = [price_pusd(target, call.features) for target in targets.values()]
    return min((price for price in prices if price is not None), default=None)
