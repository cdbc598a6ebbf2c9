"""
Follows random requests through everything that may become of them, and looks at every place they're sent to with an oracle.

The oracle is written from the table in docs/routing.md alone, and shares no code with the router. A request is followed from its first place through
failures drawn at random: other places of the model, a second attempt beside the first, pauses, a fallback model, the last resort. A place that its
constraints forbid is a violation, and so is a refusal as unservable where the oracle knows of a place.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.models.access import Principal
from turnout.models.cause import Cause
from turnout.models.errors import NoTarget, Unservable
from turnout.models.openai.preferences import MaxPrice, Preferences
from turnout.models.openai.request import Operation, parse_request
from turnout.models.target import Capability, Endpoint, ModelCard, Target
from turnout.router.call import Arrival, Call
from turnout.router.catalogue import Catalogue, Fallbacks, ModelRoute, Retries, Routing
from turnout.router.execute.course import Course, Pause, Place
from turnout.router.execute.retry_budget import RetryBudget
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.strategies.named import NAMED, Strategies
from turnout.router.values import Constraints, Features

CASES = 100_000
REQUESTS_A_FLEET = 50
MOST_STEPS = 12
"""Of one request: more than its five attempts and its pauses."""

_REGIONS = ("eu", "us", "ch", "")
_VENDORS = ("local", "acme", "bell")
_BODY = parse_request(Operation.CHAT, b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')
_CAUSES = (
    Cause.NEVER_SENT, Cause.CREDENTIALS, Cause.RATE_LIMITED, Cause.OVERLOADED, Cause.SERVER_ERROR, Cause.NETWORK, Cause.TIMEOUT,
    Cause.CONTEXT_WINDOW, Cause.CONTENT_POLICY,
)  # fmt: skip
_RETRIES = Retries(budget_floor=100)


@dataclass
class Tally:
    """What was seen of all cases."""

    places: int = 0
    fallbacks: int = 0
    refused: int = 0
    violations: int = 0
    first: str = ""

    def note(self, what: str) -> None:
        """Count a violation; the first is told."""
        self.violations += 1
        self.first = self.first or what

    @property
    def remark(self) -> str:
        """In a line."""
        told = f"{self.places:,} places, {self.fallbacks:,} in other models, {self.refused:,} requests for nobody"
        return f"{told}; first: {self.first}" if self.first else told


def measure_soundness(setup: RoutingSetup) -> Findings:
    """`constraint_violations`, over every strategy in turn."""
    rng, tally = Random(setup.seed), Tally()
    names = tuple(NAMED)
    for number in range(CASES // REQUESTS_A_FLEET):
        fleet = make_fleet(rng, names[number % len(names)])
        strategies = Strategies(rng)
        for _ in range(REQUESTS_A_FLEET):
            follow(fleet, strategies, rng, tally)
    return Findings([Finding("constraint_violations", float(tally.violations), tally.remark)])


def may_answer(target: Target, asked: Constraints, features: Features) -> bool:
    """The documentation's table, line by line."""
    if asked.is_local_only and not target.is_local:
        return False
    if asked.regions is not None and target.region not in asked.regions:
        return False
    if asked.is_private and target.keeps_prompts:
        return False
    has, most = target.card.capabilities, target.card.context_tokens
    if has is not None and any(need not in has for need in asked.needs):
        return False
    if most is not None and features.prompt_tokens // 2 + (features.max_output_tokens or 0) > most:
        return False
    return asked.preferences is None or _is_wished(target, asked.preferences)


def make_fleet(rng: Random, strategy: str) -> Fleet:
    """A model under this strategy and one to fall back to, with random targets."""
    own = tuple(draw_target(rng, number) for number in range(rng.randint(1, 6)))
    spare = tuple(draw_target(rng, number) for number in range(len(own), len(own) + rng.randint(1, 3)))
    lists = Fallbacks(any_error=("spare",), context_window=("spare",), content_policy=("spare",))
    models = {
        "m": ModelRoute("m", own, retries=_RETRIES, fallbacks=lists, routing=Routing(((strategy, 1.0),))),
        "spare": ModelRoute("spare", spare, retries=_RETRIES, routing=Routing(((strategy, 1.0),))),
    }
    fleet = Fleet()
    fleet.set_catalogue(Catalogue("v", models, {each.name: (Endpoint("e", each.name, 1),) for each in (*own, *spare)}))
    return fleet


def follow(fleet: Fleet, strategies: Strategies, rng: Random, tally: Tally) -> None:
    """One request, until an attempt succeeds or nothing is left."""
    now = 10.0
    asked, features = draw_constraints(rng), draw_features(rng)
    _unsettle(fleet, rng, now)
    call = Call(Arrival("r", b"r", now, 0), Principal("t", "k"), _BODY, asked, features, fleet.catalogue.models["m"])
    course = Course(call, fleet, strategies, RetryBudget(), rng.random)
    for _ in range(MOST_STEPS):
        try:
            step = course.next(now)
        except Unservable:
            _check_refusal(fleet, course, asked, features, tally)
            return
        except NoTarget:
            return
        if isinstance(step, Pause):
            now += step.seconds
            continue
        course.begin_attempt()
        for place in _with_hedge(course, step, rng, now):
            tally.places += 1
            tally.fallbacks += place.fallbacks > 0
            target = place.plan.candidate.target
            if not may_answer(target, asked, features):
                tally.note(f"{place.plan.reason} went to {target} in spite of {asked} with {features}")
        if rng.random() < 0.3:
            return
        _fail(course, step.plan.candidate, rng, now)


def draw_target(rng: Random, number: int) -> Target:
    """A target of every kind that the table in docs/routing.md tells apart."""
    is_local = rng.random() < 0.4
    has = frozenset(rng.sample(list(Capability), rng.randint(0, 4)))
    return Target(
        name=f"t{number}",
        model="m",
        provider="openai_compatible",
        is_local=is_local,
        vendor="local" if is_local else rng.choice(_VENDORS[1:]),
        region=rng.choice(_REGIONS),
        keeps_prompts=not is_local and rng.random() < 0.6,
        card=ModelCard(
            rng.choice((None, has)), rng.choice((None, 300, 2000, 100_000)), rng.choice((None, rng.random()))
        ),
        input_price_pusd=rng.choice((None, 0, 5, 50)),
        output_price_pusd=rng.choice((None, 0, 5, 50)),
    )


def draw_features(rng: Random) -> Features:
    """A short, a usual or a long request, with a session."""
    return Features(rng.choice((1, 300, 5000)), rng.choice((None, 50, 4000)), rng.randbytes(16))


def draw_constraints(rng: Random) -> Constraints:
    """Constraints of which each is seldom enough that some requests can be answered."""
    return Constraints(
        is_local_only=rng.random() < 0.2,
        deadline_at=1000.0,
        regions=frozenset(rng.sample(_REGIONS[:3], rng.randint(1, 2))) if rng.random() < 0.3 else None,
        is_private=rng.random() < 0.2,
        needs=frozenset(rng.sample(list(Capability), rng.choice((0, 0, 1, 2)))),
        preferences=_draw_wishes(rng) if rng.random() < 0.5 else None,
    )


def _is_wished(target: Target, wishes: Preferences) -> bool:
    names = {target.vendor, target.name}
    if names & wishes.ignore or (wishes.only is not None and not names & wishes.only):
        return False
    if wishes.max_price is None:
        return True
    bounds = (
        (wishes.max_price.input_pusd, target.input_price_pusd),
        (wishes.max_price.output_pusd, target.output_price_pusd),
    )
    return all(most is None or (price is not None and price <= most) for most, price in bounds)


def _with_hedge(course: Course, place: Place, rng: Random, now: float) -> Iterator[Place]:
    yield place
    beside = course.find_beside(place, now) if rng.random() < 0.2 else None
    if beside is not None:
        yield beside


def _check_refusal(fleet: Fleet, course: Course, asked: Constraints, features: Features, tally: Tally) -> None:
    """Nobody of the model may answer, and that is all that this says: others are told of as failures of their own."""
    tally.refused += 1
    if not course.attempts and any(may_answer(each.target, asked, features) for each in fleet.candidates("m")):
        tally.note(f"refused as unservable, though somebody may answer {asked} with {features}")


def _fail(course: Course, candidate: Candidate, rng: Random, now: float) -> None:
    cause = rng.choice(_CAUSES)
    if cause is Cause.RATE_LIMITED:
        candidate.rest(now + rng.choice((0.1, 30.0)))
    course.note(candidate, cause)


def _unsettle(fleet: Fleet, rng: Random, now: float) -> None:
    """Some places are ill when a request comes, others well again."""
    for each in fleet.candidates("m"):
        each.rest_until = now + rng.choice((0.0, 0.0, 0.0, 0.5))
        each.ejected_until = now + rng.choice((0.0, 0.0, 0.0, 5.0))
        each.out_until = now + rng.choice((0.0, 0.0, 0.0, 0.0, 300.0))


def _draw_wishes(rng: Random) -> Preferences:
    names = (*_VENDORS, "t0", "t1", "t2")
    return Preferences(
        order=tuple(rng.sample(names, rng.randint(0, 2))),
        only=frozenset(rng.sample(names, rng.randint(1, 4))) if rng.random() < 0.3 else None,
        ignore=frozenset(rng.sample(names, rng.randint(0, 2))),
        sort=rng.choice((None, "price", "latency", "throughput")),
        max_price=MaxPrice(rng.choice((None, 10)), rng.choice((None, 10))) if rng.random() < 0.3 else None,
    )
