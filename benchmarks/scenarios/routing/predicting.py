"""How well first tokens are foretold on replicas of unequal speed, and how soon traffic leaves one that has become slow."""

from collections.abc import Callable, Sequence
from random import Random

import numpy as np

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.routing.replay.contestants import ALL, OURS
from turnout.benchmarks.scenarios.routing.replay.fleet import Change, SimulatedFleet, Visit
from turnout.benchmarks.scenarios.routing.replay.replica import Engine
from turnout.benchmarks.scenarios.routing.replay.traces import read_azure, read_mooncake, speed_up
from turnout.benchmarks.scenarios.routing.replaying import AZURE, MOONCAKE
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup

SLOWNESS = (1.0, 1.0, 1.5, 1.5, 2.0, 2.0, 3.0, 3.0)
LEARNED_AFTER = 200

SLOW_AT_S, WELL_AT_S, SLOWED_BY = 200.0, 320.0, 5.0
_MODEST_SPEED = 0.7
_WINDOW = 40
_REPLICAS = 4


def measure_prediction(setup: RoutingSetup) -> Findings:
    """`ttft_prediction_error`: the mean of |foretold - true| / true of all first tokens after the first 200, from when requests were sent."""
    requests = read_mooncake(setup.find(MOONCAKE))[: 4000 if setup.is_quick else 12_000]
    fleet = SimulatedFleet(ALL[OURS](Random(setup.seed)), [Engine().slowed(factor) for factor in SLOWNESS])
    visits = fleet.run(speed_up(requests, _MODEST_SPEED))[LEARNED_AFTER:]
    true = np.array([visit.sequence.first_at - visit.begun_at for visit in visits])
    foretold = np.array([visit.foreseen_s for visit in visits])
    errors = np.abs(foretold - true) / true
    spread = f"median {np.median(errors):.3f}, p90 {np.percentile(errors, 90):.3f}, of {len(errors)}"
    remark = f"{spread}; replicas {min(SLOWNESS):g} to {max(SLOWNESS):g} times as slow"
    return Findings([Finding("ttft_prediction_error", float(errors.mean()), remark)])


def measure_slow_target(setup: RoutingSetup) -> Findings:
    """
    `requests_until_traffic_left_a_slow_target`: one of four replicas takes five times as long from one moment on.

    Counted are the requests that the fleet gets from then on, until of the next 40 the slow one has no more than half of its fair share.
    """
    requests = speed_up(read_azure(setup.find(AZURE)), 2.0)
    last_s = WELL_AT_S + 120.0
    changes = (Change(SLOW_AT_S, 0, Engine().slowed(SLOWED_BY)), Change(WELL_AT_S, 0, Engine()))
    fleet = SimulatedFleet(ALL[OURS](Random(setup.seed)), [Engine()] * _REPLICAS, changes)
    visits = fleet.run([request for request in requests if request.at_s < last_s])
    left = _count_until([v for v in visits if v.begun_at >= SLOW_AT_S], lambda share: share <= 0.5 / _REPLICAS)
    after = [visit for visit in visits if visit.begun_at >= WELL_AT_S]
    back = _count_until(after, lambda share: share >= 0.5 / _REPLICAS)
    back_s = after[min(back, len(after) - 1)].begun_at - WELL_AT_S
    before = _share([visit for visit in visits if visit.begun_at < SLOW_AT_S])
    while_slow = _share([v for v in visits if SLOW_AT_S <= v.begun_at < WELL_AT_S])
    remark = (
        f"its share {before:.0%} before, {while_slow:.0%} while slow; back {back_s:.1f} s after it was well (goal 30)"
    )
    return Findings([Finding("requests_until_traffic_left_a_slow_target", float(left), remark)])


def _count_until(visits: Sequence[Visit], is_reached: Callable[[float], bool]) -> int:
    """How many requests pass before the share in the next ones is as wanted; all of them if it never is."""
    for start in range(len(visits) - _WINDOW):
        if is_reached(_share(visits[start : start + _WINDOW])):
            return start
    return len(visits)


def _share(visits: Sequence[Visit]) -> float:
    return sum(visit.place == 0 for visit in visits) / len(visits)
