"""What one decision costs, and whether looking at a few of many endpoints misses the best one."""

import time
from collections.abc import Sequence
from random import Random

import numpy as np

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.routing.replay.contestants import ALL, OURS
from turnout.benchmarks.scenarios.routing.replay.fleet import ANYWHERE, SimulatedFleet, describe
from turnout.benchmarks.scenarios.routing.replay.replica import Engine
from turnout.benchmarks.scenarios.routing.replay.traces import Request, read_mooncake, speed_up
from turnout.benchmarks.scenarios.routing.replaying import FIRST_SPEED, MOONCAKE, REPLICAS
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.balanced import Balanced

FEW, MANY, CROWD = 8, 50, 32
"""Endpoints: of the two decisions that are timed, and of the fleet whose shortlists are looked at."""

_AS_GOOD = 0.95
"""Of scores this close to the best, the strategy takes any."""


def measure_decisions(setup: RoutingSetup) -> Findings:
    """`decision_p50_us_8_endpoints` and `decision_p99_us_50_endpoints`: CPU time of the thread, a decision at a time, in the middle of a replay."""
    times = {count: _replay(setup, count).times_us for count in (FEW, MANY)}
    found = [
        Finding("decision_p50_us_8_endpoints", float(np.percentile(times[FEW], 50)), _describe(times[FEW])),
        Finding("decision_p99_us_50_endpoints", float(np.percentile(times[MANY], 99)), _describe(times[MANY])),
    ]
    return Findings(found, {"decisions_us": {str(count): each for count, each in times.items()}})


def measure_shortlist(setup: RoutingSetup) -> Findings:
    """`shortlist_regret`: of requests to 32 replicas, the share whose shortlist has nobody that would be taken if all were looked at."""
    replay = _replay(setup, CROWD)
    remark = f"{replay.worse} of {len(replay.times_us)} requests, {CROWD} replicas"
    return Findings([Finding("shortlist_regret", replay.worse / len(replay.times_us), remark)])


class _Watched(SimulatedFleet):
    """Times each decision, and asks before it whether the shortlist has the best of all."""

    def __init__(self, count: int, seed: int) -> None:
        strategy = ALL[OURS](Random(seed))
        super().__init__(strategy, [Engine()] * count)
        self._planning = strategy
        self._all, self._few = Balanced(Random(seed), most=count), Balanced(Random(seed))
        self.times_us: list[float] = []
        self.worse = 0

    def arrive(self, request: Request) -> None:
        """See `SimulatedFleet`."""
        query = Query(ANYWHERE, describe(request), request.at_s)
        began = time.thread_time_ns()
        self._planning.plan(self.candidates, query)
        self.times_us.append((time.thread_time_ns() - began) / 1e3)
        self.worse += not self._has_best(self.candidates, query)
        super().arrive(request)

    def _has_best(self, candidates: Sequence[Candidate], query: Query) -> bool:
        scores = self._all.score(candidates, query)
        few = self._few.score(candidates, query)
        return max(score for score, looked_at in zip(scores, few, strict=True) if looked_at) >= max(scores) * _AS_GOOD


def _replay(setup: RoutingSetup, count: int) -> _Watched:
    """A fleet of so many replicas after a replay at the load of the figure."""
    requests = read_mooncake(setup.find(MOONCAKE))[: 3000 if setup.is_quick else 12_000]
    fleet = _Watched(count, setup.seed)
    fleet.run(speed_up(requests, FIRST_SPEED * count / REPLICAS))
    return fleet


def _describe(times_us: Sequence[float]) -> str:
    p50, p99 = np.percentile(times_us, (50, 99))
    return f"of {len(times_us)}: p50 {p50:.0f}, p99 {p99:.0f}, most {max(times_us):.0f}"
