"""The strategies by name, and which one a request is planned with."""

import random
from collections.abc import Callable, Mapping

from turnout.router.catalogue import ModelRoute, Routing
from turnout.router.plan.constraints import FILTERS
from turnout.router.plan.pacing import Pacing, Terms
from turnout.router.plan.spill.spilling import Spilling
from turnout.router.plan.spill.spillways import Spillways
from turnout.router.plan.strategies.balanced import Balanced
from turnout.router.plan.strategies.blend import Blend
from turnout.router.plan.strategies.cost import Cost
from turnout.router.plan.strategies.even import Even
from turnout.router.plan.strategies.in_flight import InFlight
from turnout.router.plan.strategies.latency import Latency
from turnout.router.plan.strategies.nearest import Nearest
from turnout.router.plan.strategies.order import Order, WishedOrder
from turnout.router.plan.strategies.pickers import Best, LongestAgo, NearBest, Proportional, TwoChoices
from turnout.router.plan.strategies.quality import Quality
from turnout.router.plan.strategies.sticky import Sticky
from turnout.router.plan.strategies.weight import Weight
from turnout.router.plan.strategy import Picker, Scorer, Strategy
from turnout.router.values import Constraints

_Make = Callable[[Routing, random.Random], tuple[Scorer, Picker]]

BALANCED = "balanced"
"""The one that holds requests back, where it's alone."""

UNFORESEEN = "power_of_two"
"""The one in its place where a model has a single provider: that has neither a queue nor a rival, and what's learned of it would decide nothing."""

NAMED: Mapping[str, _Make] = {
    "round_robin": lambda _, __: (Even(), LongestAgo()),
    "weighted": lambda _, rng: (Weight(), Proportional(rng)),
    "least_in_flight": lambda _, rng: (InFlight(), Best(rng)),
    "power_of_two": lambda _, rng: (InFlight(), TwoChoices(rng)),
    "latency": lambda _, rng: (Latency(), NearBest(rng)),
    "cost": lambda _, rng: (Cost(), NearBest(rng)),
    "quality": lambda _, rng: (Quality(), NearBest(rng, 0.01)),
    "region": lambda routing, rng: (Nearest(routing.home, dict(routing.places)), Best(rng)),
    "order": lambda _, rng: (Order(), Best(rng)),
    "sticky": lambda _, rng: (Sticky(), Best(rng)),
    BALANCED: lambda routing, rng: (Balanced(rng, routing.weights), NearBest(rng)),
}
"""Every strategy that the config may name, alone or with others."""

_SORTS: Mapping[str, str] = {"price": "cost", "throughput": "latency", "latency": "latency"}
WISHED_ORDER = "wished_order"


class Strategies:
    """
    Owns the compositions in force: one for each model and way of asking, made when it's first needed, and made anew when its terms change.

    Bounded by the catalogue's models and four ways of asking.
    """

    def __init__(self, rng: random.Random, spillways: Spillways | None = None) -> None:
        """
        Args:
            rng: for all that they draw.
            spillways: of models that spill; without them, none does.
        """
        self._rng = rng
        self._spillways = spillways
        self._made: dict[tuple[str, str], tuple[Routing, Strategy | Spilling]] = {}

    def __repr__(self) -> str:
        return (
            f"<Strategies {', '.join(sorted(f'{model}: {made.name}' for (model, _), (_, made) in self._made.items()))}>"
        )

    def of(self, route: ModelRoute, constraints: Constraints) -> Strategy | Spilling:
        """The strategy for one request: the model's, unless the caller's `provider{sort, order}` says another."""
        asked = _asked(constraints)
        made = self._made.get((route.name, asked))
        if made is None or made[0] is not route.routing:
            made = self._made[route.name, asked] = (route.routing, self._make(route, asked))
        return made[1]

    def keep_only(self, models: set[str]) -> None:
        """Forget those of models that are gone from the config."""
        for key in [key for key in self._made if key[0] not in models]:
            del self._made[key]
        if self._spillways is not None:
            self._spillways.keep_only(models)

    def _make(self, route: ModelRoute, asked: str) -> Strategy | Spilling:
        routing = route.routing
        if not asked and _is_balanced_alone(routing) and _is_lone_provider(route):
            asked = UNFORESEEN
        strategy = compose(routing, self._rng, asked)
        if routing.spill is None or self._spillways is None:
            return strategy
        way = self._spillways.of(route.name, routing.spill)
        return Spilling(strategy, routing.spill, routing.objective, way)


def compose(routing: Routing, rng: random.Random, asked: str = "") -> Strategy:
    """
    The strategy that `routing` describes.

    Args:
        asked: the name of another that the caller wishes, or "".
    """
    if asked == WISHED_ORDER:
        return Strategy(WISHED_ORDER, FILTERS, WishedOrder(), Best(rng), rng.random)
    if asked or len(routing.strategy) == 1:
        name = asked or routing.strategy[0][0]
        pacing = Pacing(_terms(routing)) if name == BALANCED else None
        return Strategy(name, FILTERS, *NAMED[name](routing, rng), rng.random, pacing)
    parts = [(NAMED[name](routing, rng)[0], weight) for name, weight in routing.strategy]
    return Strategy("+".join(name for name, _ in routing.strategy), FILTERS, Blend(parts), NearBest(rng), rng.random)


def _is_balanced_alone(routing: Routing) -> bool:
    return len(routing.strategy) == 1 and routing.strategy[0][0] == BALANCED


def _is_lone_provider(route: ModelRoute) -> bool:
    return len(route.targets) == 1 and route.targets[0].pool is None


def _terms(routing: Routing) -> Terms:
    objective, weights = routing.objective, routing.weights
    return Terms(objective_s=objective.first_token_s, token_s=objective.token_s, batch_weight=weights.batch)


def _asked(constraints: Constraints) -> str:
    wishes = constraints.preferences
    if wishes is None:
        return ""
    if wishes.order:
        return WISHED_ORDER
    return _SORTS[wishes.sort] if wishes.sort else ""
