"""The scenarios of overload and of bursts: what counts as good, and what is refused, spilled and paid."""

import random

from msgspec import structs

from turnout.benchmarks.scenarios.routing import overload, spill
from turnout.benchmarks.scenarios.routing.replay.fleet import ANYWHERE
from turnout.benchmarks.scenarios.routing.replay.traces import Request

PATIENT = structs.replace(ANYWHERE, first_token_s=2.0)


def crowd(per_s: float, count: int = 600) -> list[Request]:
    """Prompts of 3,000 tokens, of which four replicas prefill some 13 a second at the very most."""
    rng, now = random.Random(1), 0.0
    made: list[Request] = []
    for number in range(count):
        now += rng.expovariate(per_s)
        made.append(Request(number, now, 3000, 50, tuple(range(number * 6, number * 6 + 6))))
    return made


def test_nobody_is_refused_where_there_is_room() -> None:
    trial = overload.replay(crowd(4.0), PATIENT, 1)
    assert trial["refused"] == 0.0
    assert trial["in_time"] > 0.95


def test_a_crowd_costs_those_their_answer_who_would_have_it_too_late() -> None:
    guarded, unguarded = (overload.replay(crowd(20.0), terms, 1) for terms in (PATIENT, ANYWHERE))
    assert guarded["refused"] > 0.3
    assert guarded["in_time"] > 2 * unguarded["in_time"]


def test_what_spills_is_paid_within_the_budget() -> None:
    free = spill.replay(crowd(20.0), 10**12, 1)
    assert free["in_time"] > 0.8, "but for those that came before anything could be predicted"
    assert free["spilled"] > 0.2
    tight = spill.replay(crowd(20.0), int(free["cost_usd"] * 1e9) // 2, 1)
    assert 0 < tight["cost_usd"] <= tight["budget_usd"]
    assert tight["in_time"] < free["in_time"]
