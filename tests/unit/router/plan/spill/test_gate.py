"""When spilling begins and ends."""

import random

import pytest

from turnout.router.plan.spill.gate import QUIET_S, Gate


def test_it_opens_at_the_first_prediction_beyond_the_objective() -> None:
    gate = Gate()
    assert not gate.note(1.0, 10.0)
    assert not gate.is_open
    assert gate.note(1.01, 11.0)
    assert gate.is_open


def test_it_closes_only_after_a_minute_well_below_the_objective() -> None:
    gate = Gate()
    gate.note(1.5, 0.0)
    gate.note(0.75, 30.0)
    assert not gate.note(0.69, 30.0 + QUIET_S - 0.1)
    assert gate.is_open
    assert gate.note(0.69, 30.0 + QUIET_S)
    assert not gate.is_open


@pytest.mark.parametrize("seed", range(5))
def test_whatever_comes_it_switches_twice_within_any_minute_at_most(seed: int) -> None:
    rng, gate, now = random.Random(seed), Gate(), 0.0
    switches: list[float] = []
    for _ in range(3000):
        now += rng.expovariate(0.5)
        if gate.note(rng.choice((0.1, 0.5, 0.5, 0.8, 1.2)) if rng.random() < 0.05 else 0.1, now):
            switches.append(now)
    assert len(switches) > 10
    assert all(later - first >= 60.0 for first, later in zip(switches, switches[2:], strict=False))
