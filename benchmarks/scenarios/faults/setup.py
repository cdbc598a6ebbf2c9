"""What every scenario of `faults` gets: the gateway, its two upstreams, and how much of everything."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

from turnout.benchmarks.gateways.cluster import Gateway
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.faults.conduct import Stage
from turnout.benchmarks.scenarios.faults.mocks import Mock
from turnout.benchmarks.scenarios.faults.suite import SUITE, Scenario
from turnout.benchmarks.scenarios.setup import Setup


@dataclass(frozen=True, slots=True)
class Amount:
    """
    How much is asked.

    Attributes:
        scale: of the sixteen scenarios' seconds, and of the gateway's times with them.
        mixed: requests with faults at 30 % of the primary's.
        random: streams with random faults.
        seams: streams from a pool whose replicas break them off.
        aborts: requests whose client leaves.
        storm_s: how long every target fails.
        cost_rounds, cost_s: rounds of load, and how long one takes.
    """

    scale: float
    mixed: int
    random: int
    seams: int
    aborts: int
    storm_s: float
    cost_rounds: int
    cost_s: float


QUICK = Amount(scale=0.1, mixed=1000, random=500, seams=200, aborts=500, storm_s=6.0, cost_rounds=14, cost_s=0.8)
FULL = Amount(scale=1.0, mixed=10_000, random=10_000, seams=2000, aborts=5000, storm_s=60.0, cost_rounds=25, cost_s=2.0)


@dataclass(frozen=True, slots=True)
class FaultSetup:
    """
    One run.

    Attributes:
        subject: the gateway.
        primary, fallback: the mocks behind it.
        amount: how much.
        randomness: seeded.
        suite: scenarios that are played.
        load: for what is measured as `overhead` does it; None where the gateway isn't ours.
    """

    subject: Subject
    primary: Mock
    fallback: Mock
    amount: Amount
    randomness: random.Random
    suite: Sequence[Scenario] = SUITE
    load: Setup | None = None

    @property
    def stage(self) -> Stage:
        """What the sixteen are played on."""
        return Stage(self.subject, self.primary, self.fallback, self.amount.scale)

    @property
    def gateway(self) -> Gateway | None:
        """The cluster, where this run has started it."""
        return self.load.gateway if self.load else None
