"""Half again as many requests as replicas can answer in time: how many of them are, when those that couldn't be are refused at once."""

import math
from collections.abc import Sequence
from random import Random

from msgspec import structs

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.routing.replay.fleet import ANYWHERE, SimulatedFleet, Visit
from turnout.benchmarks.scenarios.routing.replay.replica import Engine
from turnout.benchmarks.scenarios.routing.replay.traces import Request, read_azure, speed_up
from turnout.benchmarks.scenarios.routing.replaying import AZURE
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.router.catalogue import Routing
from turnout.router.plan.aims import Objective
from turnout.router.plan.strategies.named import BALANCED, compose
from turnout.router.values import Constraints

OBJECTIVE = Objective(first_token_s=2.0, token_s=0.1)
REPLICAS = 4
IN_TIME = 0.95
"""Of the requests that are sent at capacity, so many are answered within the objective, and none is refused."""

OVERLOAD = 1.5
FACTORS = (1.25, OVERLOAD, 2.0)
QUICK_REQUESTS = 4000
_STEPS = 5
_SPEEDS = (2.0, 8.0)

Trial = dict[str, float]
"""What one replay came to, by name."""


def measure_overload(setup: RoutingSetup) -> Findings:
    """`goodput_at_1.5x_overload`: answers within the objective a second, against those at capacity."""
    requests = read_azure(setup.find(AZURE))
    requests = requests[:QUICK_REQUESTS] if setup.is_quick else requests
    speed, capacity = find_capacity(requests, setup.seed)
    patient = structs.replace(ANYWHERE, first_token_s=OBJECTIVE.first_token_s)
    trials = {factor: replay(speed_up(requests, speed * factor), patient, setup.seed) for factor in FACTORS}
    ratio = min(trials[OVERLOAD][name] / capacity[name] for name in ("good_per_s", "good_tokens_per_s"))
    unguarded = replay(speed_up(requests, speed * OVERLOAD), ANYWHERE, setup.seed)
    notes = "; ".join(_describe(f"x{factor:g}", trial, capacity) for factor, trial in trials.items())
    notes += f"; {_describe('x1.5 without refusals', unguarded, capacity)}; refused at arrival"
    samples = {
        "capacity": capacity,
        "unguarded": unguarded,
        **{f"x{factor:g}": each for factor, each in trials.items()},
    }
    return Findings([Finding("goodput_at_1.5x_overload", ratio, notes)], {"overload": samples})


def find_capacity(requests: Sequence[Request], seed: int) -> tuple[float, Trial]:
    """The highest speed, to a few percent, at which the wanted share is in time with nobody refused, and what came of it there."""
    low, high = _SPEEDS
    best = replay(speed_up(requests, low), ANYWHERE, seed)
    for _ in range(_STEPS):
        speed = math.sqrt(low * high)
        trial = replay(speed_up(requests, speed), ANYWHERE, seed)
        if trial["in_time"] >= IN_TIME:
            low, best = speed, trial
        else:
            high = speed
    return low, best


def replay(requests: Sequence[Request], constraints: Constraints, seed: int) -> Trial:
    """One replay under `balanced` with the objective."""
    strategy = compose(Routing(((BALANCED, 1.0),), objective=OBJECTIVE), Random(seed))
    fleet = SimulatedFleet(strategy, [Engine()] * REPLICAS, (), constraints)
    fleet.run(requests)
    good = [visit for visit in fleet.visits if is_good(visit)]
    span_s = requests[-1].at_s
    tokens = sum(visit.sequence.request.prompt_tokens + visit.sequence.request.output_tokens for visit in good)
    return {
        "requests_per_s": len(requests) / span_s,
        "in_time": len(good) / len(requests),
        "refused": len(fleet.refused) / len(requests),
        "late": (len(fleet.visits) - len(good)) / len(requests),
        "good_per_s": len(good) / span_s,
        "good_tokens_per_s": tokens / span_s,
    }


def is_good(visit: Visit) -> bool:
    """Whether it was answered within the objective."""
    token_s = visit.token_s
    assert OBJECTIVE.token_s is not None
    return visit.first_s <= OBJECTIVE.first_token_s and (token_s is None or token_s <= OBJECTIVE.token_s)


def _describe(name: str, trial: Trial, capacity: Trial) -> str:
    requests, tokens = (trial[each] / capacity[each] for each in ("good_per_s", "good_tokens_per_s"))
    return f"{name}: {requests:.2f} of requests, {tokens:.2f} of tokens, {trial['refused']:.0%} refused, {trial['late']:.0%} late"
