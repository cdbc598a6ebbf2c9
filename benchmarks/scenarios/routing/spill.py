"""Bursts that a pool can't answer in time: what spills to a remote target, what that costs against its budget, and how often it switches."""

import heapq
import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random

from turnout.benchmarks.findings import Findings
from turnout.benchmarks.reporting import say
from turnout.benchmarks.scenarios.routing.overload import OBJECTIVE, REPLICAS, find_capacity, is_good
from turnout.benchmarks.scenarios.routing.replay.fleet import ANYWHERE, SimulatedFleet, describe
from turnout.benchmarks.scenarios.routing.replay.replica import Engine
from turnout.benchmarks.scenarios.routing.replay.traces import Request, read_azure
from turnout.benchmarks.scenarios.routing.replaying import AZURE
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.models.target import Endpoint, Target
from turnout.models.usage import Usage
from turnout.router.account import cost_of
from turnout.router.catalogue import Routing
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.query import Query
from turnout.router.plan.spill.budget import SpillBudget
from turnout.router.plan.spill.spilling import Spilling
from turnout.router.plan.spill.spillways import Spillways
from turnout.router.plan.spill.terms import Spill
from turnout.router.plan.strategies.named import BALANCED, compose

QUIET, BURST = 0.6, 2.5
"""Of the pool's capacity."""

BURSTS_S = ((60.0, 120.0), (200.0, 230.0), (300.0, 360.0))
REQUESTS = 9000
AWAY = Target("away", "m", "openai_compatible", input_price_pusd=590_000, output_price_pusd=790_000)
"""A provider's prices for a 70B model."""

_AWAY_TOKENS_PER_S = 80.0
_MINUTE_S = 60.0
_AMPLE_NUSD = 10**12


Trial = dict[str, float]
"""What one replay came to, by name."""


def measure_spill(setup: RoutingSetup) -> Findings:
    """No figure: bursts without a reserve, with one, and with half of the money that it took; printed."""
    requests = read_azure(setup.find(AZURE))[:REQUESTS]
    speed, _ = find_capacity(requests[: REQUESTS // 2], setup.seed)
    trace = make_bursts(requests, speed)
    free = replay(trace, _AMPLE_NUSD, setup.seed)
    half_nusd = int(free["cost_usd"] * 1e9) // 2
    trials = {"no reserve": replay(trace, 0, setup.seed), "ample": free, "half": replay(trace, half_nusd, setup.seed)}
    for name, trial in trials.items():
        say(f"spill, {name}: " + ", ".join(f"{key} {value:.4g}" for key, value in trial.items()))
    return Findings([], {"spill": trials})


def make_bursts(requests: Sequence[Request], capacity: float) -> list[Request]:
    """The same requests, some of the time as many as a pool of so much capacity can't answer."""
    made: list[Request] = []
    now = before_s = 0.0
    for request in requests:
        is_burst = any(begin <= now < end for begin, end in BURSTS_S)
        now += (request.at_s - before_s) / (capacity * (BURST if is_burst else QUIET))
        before_s = request.at_s
        made.append(replace(request, at_s=now))
    return made


def replay(trace: Sequence[Request], nusd_per_hour: int, seed: int) -> Trial:
    """One replay with so much to spend."""
    fleet = ReservedFleet(nusd_per_hour, seed)
    fleet.run(trace)
    fleet.settle_until(math.inf)
    good = sum(is_good(visit) for visit in fleet.visits) + fleet.spilled
    switched = fleet.switched_at
    return {
        "in_time": good / len(trace),
        "spilled": fleet.spilled / len(trace),
        "cost_usd": fleet.cost_nusd / 1e9,
        "budget_usd": nusd_per_hour / 1e9,
        "switches": len(switched),
        "most_switches_a_minute": max(
            (sum(at <= other < at + _MINUTE_S for other in switched) for at in switched), default=0
        ),
        "lasts_s": trace[-1].at_s,
    }


class ReservedFleet(SimulatedFleet):
    """
    Replicas with a remote target in reserve, whose answers are taken to begin in time and to last as long as at 80 tokens a second.

    Attributes:
        spilled: requests that went there.
        cost_nusd: what they cost.
        switched_at: when spilling began or ended, in seconds of the trace.
    """

    def __init__(self, nusd_per_hour: int, seed: int) -> None:
        terms = Spill(frozenset({AWAY.name}), nusd_per_hour)
        strategy = compose(Routing(((BALANCED, 1.0),), objective=OBJECTIVE), Random(seed))
        super().__init__(strategy, [Engine()] * REPLICAS)
        self._spilling = Spilling(strategy, terms, OBJECTIVE, Spillways(self, lambda: 1.0).of("m", terms))
        self._away = Candidate(AWAY, Endpoint("away", "127.0.0.1", 1))
        self._running: list[tuple[float, int, int]] = []
        self._budget: SpillBudget | None = None
        self._now = 0.0
        self.spilled = self.cost_nusd = 0
        self.switched_at: list[float] = []

    def switch_spill(self, model: str, event: str) -> None:
        """See `Tally`."""
        del model, event
        self.switched_at.append(self._now)

    def arrive(self, request: Request) -> None:
        """A request comes, and stays at home or goes away, where what it may cost is held until its answer ends."""
        now = self._now = request.at_s
        self.settle_until(now)
        query = Query(ANYWHERE, describe(request), now)
        plan = self._spilling.plan([*self.candidates, self._away], query)
        if plan.spill is not None:
            held_nusd = _price_nusd(request.prompt_tokens, AWAY.max_output_tokens)
            if plan.spill.try_hold("", held_nusd, now):
                ends_at = now + request.output_tokens / _AWAY_TOKENS_PER_S
                cost_nusd = _price_nusd(request.prompt_tokens, request.output_tokens)
                heapq.heappush(self._running, (ends_at, held_nusd, cost_nusd))
                self._budget = plan.spill
                self.spilled += 1
                return
            plan = self._spilling.plan(self.candidates, query)
        self.place(request, plan)

    def settle_until(self, now: float) -> None:
        """Book the answers from the reserve that have ended by now."""
        while self._running and self._running[0][0] <= now:
            ends_at, held_nusd, cost_nusd = heapq.heappop(self._running)
            assert self._budget is not None
            self._budget.settle("", held_nusd, cost_nusd, ends_at)
            self.cost_nusd += cost_nusd


def _price_nusd(prompt_tokens: int, output_tokens: int) -> int:
    cost_nusd = cost_of(Usage(prompt_tokens, output_tokens), AWAY)
    assert cost_nusd is not None
    return cost_nusd
