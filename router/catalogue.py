"""What the router knows of the configured world: models by public name, their targets, who may ask, and how long things may take."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from turnout.models.access import WILDCARD, Limit, Principal
from turnout.models.target import Endpoint, Target
from turnout.router.cache.policy import CachePolicy
from turnout.router.choose.terms import Term
from turnout.router.money.policy import MoneyPolicy
from turnout.router.plan.aims import Objective, Weights
from turnout.router.plan.spill.terms import Spill
from turnout.router.tiers import Tiers

_MODEL = re.compile(r"[A-Za-z0-9._:/@+-]{1,128}")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """
    Seconds a request to one model may spend.

    Attributes:
        connect_s: opening a connection.
        first_token_s: from an attempt's start to the first token of its stream.
        gap_s: between two pieces of a stream.
        attempt_s: one attempt: a whole unary answer, or the beginning of a stream.
        total_s: the whole request, all attempts and waiting included.
        heartbeat_after_s: silence towards the client after which a stream gets a comment, so that nothing in between gives up on it.
    """

    connect_s: float = 2.0
    first_token_s: float = 60.0
    gap_s: float = 20.0
    attempt_s: float = 300.0
    total_s: float = 600.0
    heartbeat_after_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Retries:
    """
    How often, and after which pauses, one request may be tried again.

    Attributes:
        max_attempts: of one request in all, fallbacks included; 1 never tries again.
        same_target: further attempts at a target that failed.
        backoff_first_s: a pause is drawn between 0 and this, doubled for each further one (full jitter).
        backoff_max_s: the longest of these pauses.
        max_wait_s: the longest Retry-After that's waited for; with a longer one the request goes elsewhere.
        budget_share: retries on the same target are at most this share of the requests of the last 10 s.
        budget_floor: and this many in any case, so that a quiet gateway can retry at all.
    """

    max_attempts: int = 5
    same_target: int = 2
    backoff_first_s: float = 0.1
    backoff_max_s: float = 2.0
    max_wait_s: float = 10.0
    budget_share: float = 0.2
    budget_floor: int = 3


@dataclass(frozen=True, slots=True)
class Fallbacks:
    """
    Other public models that answer when this one can't, in order, by cause.

    Attributes:
        any_error: when the place failed: network, 5xx, 429, timeouts, credentials; and for the causes below that have no list, content policy aside.
        context_window: when the prompt doesn't fit.
        content_policy: when the provider refuses the content; never `any_error`.
        rate_limit: under rate limits, at once and before waiting: a cheaper model, say.
        budget: when the caller's money is spent.
    """

    any_error: tuple[str, ...] = ()
    context_window: tuple[str, ...] = ()
    content_policy: tuple[str, ...] = ()
    rate_limit: tuple[str, ...] = ()
    budget: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hedging:
    """
    A second attempt when the first is slower than most.

    Attributes:
        quantile: of the model's recent times to first token; the second attempt starts then.
        max_share: of requests that may have a second attempt.
    """

    quantile: float = 0.95
    max_share: float = 0.05


@dataclass(frozen=True, slots=True)
class Degrade:
    """
    What a caller gets when nothing can answer.

    Attributes:
        stale: an answer from the cache that's past its time.
        answer: a text given as the model's answer, or None for a 503.
    """

    stale: bool = True
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Routing:
    """
    How a model's requests are spread over what may answer them.

    Attributes:
        strategy: names with weights; one alone, or several that are weighed against each other.
        home: the gateway's own region, or "".
        places: latitude and longitude of regions, in degrees.
        objective: when an answer is in time.
        weights: what `balanced` takes things to be worth.
        spill: targets in reserve; None where all are asked alike.
    """

    strategy: tuple[tuple[str, float], ...] = (("balanced", 1.0),)
    home: str = ""
    places: tuple[tuple[str, tuple[float, float]], ...] = ()
    objective: Objective = field(default_factory=Objective)
    weights: Weights = field(default_factory=Weights)
    spill: Spill | None = None


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """
    One public model name and what may answer for it.

    Attributes:
        name: what clients put into `model`; with a `*` at its end, what the names begin with that they may put there.
        targets: at least one, unless another model always answers; a target may stand under several names.
        operations: the routes it serves: `chat`, `completions`, `embeddings`.
        timeouts: for this model.
        max_in_flight: requests at its targets at once from one router replica; more wait in line.
        max_waiting: requests waiting in line; more are refused with 503.
        created_at_s: unix time for `/v1/models`.
        retries, fallbacks, degrade: see their types.
        hedging: None is off.
        continues: whether a stream that breaks in the middle is continued elsewhere.
        limits: of all requests for this model, whoever asks; the gateway's own included.
        routing: how its requests are spread.
        choices: what may have another model answer, in the order in which they're asked.
        cache: what its answers are kept for; None for nothing.
    """

    name: str
    targets: tuple[Target, ...]
    operations: frozenset[str] = frozenset({"chat", "completions"})
    timeouts: Timeouts = Timeouts()
    max_in_flight: int = 1024
    max_waiting: int = 1024
    created_at_s: int = 0
    retries: Retries = Retries()
    fallbacks: Fallbacks = Fallbacks()
    degrade: Degrade = Degrade()
    hedging: Hedging | None = None
    continues: bool = True
    limits: tuple[Limit, ...] = ()
    routing: Routing = Routing()
    choices: tuple[Term, ...] = ()
    cache: CachePolicy | None = None

    def wildcard_of(self, model: str) -> str:
        """What stands for the `*` of this name in `model`; "" where it has none."""
        return model[len(self.name) - 1 :] if self.name.endswith(WILDCARD) else ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """
    One immutable snapshot of the dynamic config; swapped as a whole.

    Attributes:
        version: `<file hash>+<overlay version>`, for status and acknowledgement.
        models: by public name.
        fixed_endpoints: addresses of targets that have no pool, by target name.
        drained: names of targets that take no new requests.
        keys: by BLAKE2b-256 of the key's UTF-8 bytes; never the key.
        tiers: of keys that Control handed out and of those who sign in; `keys` has them applied.
        money: how strict to be with hard budgets.
        is_open: whether requests without a known key are let in as tenant `anonymous` (loopback only; config refuses it elsewhere).
        exact: the models without a wildcard, by public name.
        wildcards: those with one, the longest first.
    """

    version: str
    models: Mapping[str, ModelRoute]
    fixed_endpoints: Mapping[str, tuple[Endpoint, ...]]
    drained: frozenset[str] = frozenset()
    keys: Mapping[bytes, Principal] = field(default_factory=dict[bytes, Principal])
    is_open: bool = False
    money: MoneyPolicy = field(default_factory=MoneyPolicy)
    tiers: Tiers = field(default_factory=Tiers)
    exact: Mapping[str, ModelRoute] = field(init=False, repr=False)
    wildcards: tuple[ModelRoute, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        exact = {name: route for name, route in self.models.items() if not name.endswith(WILDCARD)}
        others = (route for name, route in self.models.items() if name.endswith(WILDCARD))
        object.__setattr__(self, "exact", exact)
        object.__setattr__(self, "wildcards", tuple(sorted(others, key=lambda route: -len(route.name))))

    def find(self, model: str) -> ModelRoute | None:
        """The route of a public name, by itself or by the longest wildcard that stands for it."""
        return self.exact.get(model) or self.find_wildcard(model)

    def find_wildcard(self, model: str) -> ModelRoute | None:
        """The longest wildcard that stands for `model`, which comes from a caller and goes into the ledger: an odd one is nobody's."""
        for route in self.wildcards:
            if len(model) >= len(route.name) and model.startswith(route.name[:-1]):
                return route if _MODEL.fullmatch(model) else None
        return None
