"""What every scenario of `ledger` gets."""

import random
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.scenarios.setup import Setup


@dataclass(frozen=True, slots=True)
class Amount:
    """
    How much of everything.

    Attributes:
        cap_rounds: budgets that are fought for.
        kills: of Control.
        simulated: requests.
        speed_rounds, speed_s: rounds of holding and settling, and how long one takes.
        cost_rounds, cost_s: rounds of requests, and how long one takes.
    """

    cap_rounds: int
    kills: int
    simulated: int
    speed_rounds: int
    speed_s: float
    cost_rounds: int
    cost_s: float


QUICK = Amount(cap_rounds=2, kills=10, simulated=20_000, speed_rounds=3, speed_s=2.0, cost_rounds=14, cost_s=0.8)
FULL = Amount(cap_rounds=10, kills=200, simulated=1_000_000, speed_rounds=5, speed_s=10.0, cost_rounds=25, cost_s=2.0)


@dataclass(frozen=True, slots=True)
class LedgerSetup:
    """
    One run.

    Attributes:
        amount: how much.
        randomness: seeded.
        folder: on the disk that is measured; None for the system's temporary one.
        load: a gateway that this run has started, and what measures it; None where no scenario needs it.
    """

    amount: Amount
    randomness: random.Random
    folder: Path | None = None
    load: Setup | None = None
