"""How requests are spread over targets, as the cluster file says it: strategies, what models are good for, where regions lie."""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt

from turnout.models.target import Capability, ModelCard
from turnout.router.catalogue import Routing
from turnout.router.plan.aims import Objective, Weights
from turnout.serve.config.fields import Region, Seconds, Settings

StrategyName = Literal[
    "round_robin",
    "weighted",
    "least_in_flight",
    "power_of_two",
    "latency",
    "cost",
    "quality",
    "region",
    "order",
    "sticky",
    "balanced",
]
Weight = Annotated[float, Field(gt=0, le=1_000_000)]
StrategySettings = StrategyName | Annotated[dict[StrategyName, Weight], Field(min_length=1)]
Worth = Annotated[float, Field(ge=0, le=1_000_000)]
TaskName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]


class PlaceSettings(Settings):
    """
    Where a region lies, for strategy `region`.

    Attributes:
        latitude, longitude: degrees.
    """

    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]


class CardSettings(Settings):
    """
    What a target's model is good for.

    Attributes:
        capabilities: all that it has; a request that needs another goes elsewhere. Unless said, nothing is held against it.
        context_tokens: the longest prompt and answer together; engines of this cluster say it themselves.
        quality: 0 to 1 against the other models here, for strategy `quality`.
        tasks: what it's made for; callers name theirs in `x-turnout-task`.
    """

    capabilities: frozenset[Capability] | None = None
    context_tokens: PositiveInt | None = None
    quality: Annotated[float, Field(ge=0, le=1)] | None = None
    tasks: frozenset[TaskName] = frozenset()

    def to_card(self) -> ModelCard:
        """The same for the router."""
        return ModelCard(self.capabilities, self.context_tokens, self.quality, self.tasks)


class ObjectiveSettings(Settings):
    """
    How soon a model's answers should come.

    Attributes:
        first_token_s: a first token is in time when it comes so soon: `balanced` lets those go first that still can be.
        token_s: from token to token: `balanced` sends a replica no more at once than leave it so quick. Unless said, as many as come.
    """

    first_token_s: Seconds = 2.0
    token_s: Seconds | None = None

    def to_objective(self) -> Objective:
        """The same for the router."""
        return Objective(self.first_token_s, self.token_s)


class BalancedSettings(Settings):
    """
    What `balanced` takes things to be worth, in seconds of waiting for the first token.

    Attributes:
        batch: a second of prefill, to each sequence that runs beside it.
        answer: a second of the rest of the answer.
        usd: a US dollar.
    """

    batch: Worth = 0.02
    answer: Worth = 0.02
    usd: Worth = 100.0

    def to_weights(self) -> Weights:
        """The same for the router."""
        return Weights(self.batch, self.answer, self.usd)


def to_routing(
    strategy: StrategySettings,
    objective: ObjectiveSettings,
    balanced: BalancedSettings,
    region: str,
    regions: dict[Region, PlaceSettings],
) -> Routing:
    """The same for the router."""
    named = {strategy: 1.0} if isinstance(strategy, str) else strategy
    places = tuple((name, (place.latitude, place.longitude)) for name, place in sorted(regions.items()))
    return Routing(tuple(named.items()), region, places, objective.to_objective(), balanced.to_weights())
