"""Looks for the strategy that would have done best, and says what it would have changed in traffic that it wasn't chosen by."""

import dataclasses
from collections.abc import Iterator, Sequence
from enum import Enum
from random import Random

import msgspec

from turnout.router.catalogue import ModelRoute, Routing
from turnout.serve.replay.difference import Difference, compare
from turnout.serve.replay.likely import Likely
from turnout.serve.replay.recorded import Request
from turnout.serve.replay.world import World

LEAST = 400
"""Requests of a model below which nothing is proposed: half of them choose, half of them judge."""

TOLERANCE = 0.005
"""Of requests that may be late which weren't, where cost is what's wanted."""

RUNS = 3

BEYOND = frozenset({"sticky", "region", "quality", "order"})
"""Strategies that follow something that decisions don't tell, such as a session: nothing is proposed in their place."""

_ALONE = ("power_of_two", "least_in_flight", "latency", "cost")
_WORTHS_USD = (10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
_MIXES = (0.25, 0.5, 1.0, 2.0, 4.0)


class Aim(Enum):
    """What is wanted more of."""

    COST = "cost"
    """Cheaper, with as many in time."""
    TIME = "time"
    """More in time, at no more cost."""


class Proposal(msgspec.Struct, frozen=True):
    """
    What to do with one model.

    Attributes:
        model: its public name.
        now: the strategy that it has, in a word.
        routing: the one proposed, or None for leaving it as it is.
        why_not: why there's none, or "".
        difference: what it changes, by the later half of the requests.
    """

    model: str
    now: str
    routing: Routing | None
    why_not: str = ""
    difference: Difference | None = None


def propose(
    route: ModelRoute, requests: Sequence[Request], aim: Aim, objective_s: float | None = None, seed: int = 1
) -> Proposal:
    """
    The best for one model, or why there's none.

    The earlier half of the requests chooses among the candidates, the later half judges the chosen one: whoever looks best of many looked lucky too.

    Args:
        route: the model as it is.
        requests: its own, in the order in which they were sent.
        aim: what is wanted.
        objective_s: when a first token is in time; the model's own objective unless said.
        seed: of every random choice.
    """
    now = write_strategy(route.routing)
    why_not = _find_obstacle(route, requests)
    if why_not:
        return Proposal(route.name, now, None, why_not)
    half = len(requests) // 2
    within_s = route.routing.objective.first_token_s if objective_s is None else objective_s
    found = [
        (routing, _judge(route, routing, requests[:half], within_s, seed))
        for routing in _list_candidates(route.routing)
    ]
    able = [(routing, seen) for routing, seen in found if seen is not None and _rank(seen, aim) is not None]
    if not able:
        return Proposal(route.name, now, None, "nothing among the candidates would have been better")
    best = max(able, key=lambda each: _rank(each[1], aim) or (0.0, 0.0))[0]
    judged = _judge(route, best, requests[half:], within_s, seed + 1)
    if judged is None or not _is_confirmed(judged, aim):
        return Proposal(
            route.name,
            now,
            None,
            f"{write_strategy(best)} looked better, and the later half doesn't bear it out",
            judged,
        )
    return Proposal(route.name, now, best, "", judged)


def write_strategy(routing: Routing) -> str:
    """A strategy in a word."""
    names = "+".join(name if len(routing.strategy) == 1 else f"{weight:g}*{name}" for name, weight in routing.strategy)
    return f"{names} (usd {routing.weights.usd:g})" if names == "balanced" else names


def _find_obstacle(route: ModelRoute, requests: Sequence[Request]) -> str:
    if len(requests) < LEAST:
        return f"{len(requests)} requests are recorded, of which {LEAST} are needed"
    beyond = sorted(BEYOND & {name for name, _ in route.routing.strategy})
    if beyond:
        return f"{beyond[0]} follows what decisions don't tell"
    if len({request.first.target for request in requests}) < 2:
        return "only one target has answered"
    return ""


def _list_candidates(now: Routing) -> Iterator[Routing]:
    for name in _ALONE:
        yield dataclasses.replace(now, strategy=((name, 1.0),))
    for usd in _WORTHS_USD:
        weights = dataclasses.replace(now.weights, usd=usd)
        yield dataclasses.replace(now, strategy=(("balanced", 1.0),), weights=weights)
    for weight in _MIXES:
        yield dataclasses.replace(now, strategy=(("cost", weight), ("latency", 1.0)))
        yield dataclasses.replace(now, strategy=(("cost", weight), ("least_in_flight", 1.0)))


def _judge(
    route: ModelRoute, routing: Routing, requests: Sequence[Request], objective_s: float, seed: int
) -> Difference | None:
    """What a strategy changes against the model's own one, both replayed: what replaying gets wrong, it gets wrong twice."""
    likely, rng = Likely(requests), Random(seed)  # a simulation
    tried = dataclasses.replace(route, routing=routing)
    before = [World(route, requests, likely, rng).play() for _ in range(RUNS)]
    after = [World(tried, requests, likely, rng).play() for _ in range(RUNS)]
    return compare(route.name, requests, after, objective_s, seed, before)


def _rank(seen: Difference, aim: Aim) -> tuple[float, float] | None:
    """How good it is, more is better; None where it's no better, or breaks what should hold."""
    cost = seen.cost_usd
    if aim is Aim.COST:
        if cost is None or cost.by >= 0 or seen.in_time.by < -TOLERANCE:
            return None
        return -cost.by, seen.in_time.by
    if seen.in_time.by <= 0 or (cost is not None and cost.by > 0):
        return None
    return seen.in_time.by, 0.0 if cost is None else -cost.by


def _is_confirmed(seen: Difference, aim: Aim) -> bool:
    """Whether the whole interval is on the right side."""
    if _rank(seen, aim) is None:
        return False
    if aim is Aim.COST:
        return seen.cost_usd is not None and seen.cost_usd.high < 0 and seen.in_time.low >= -2 * TOLERANCE
    return seen.in_time.low > 0
