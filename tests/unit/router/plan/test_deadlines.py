"""Endpoints that can't begin an answer in time are left out, where that's known."""

import random

import pytest
from msgspec import structs

from tests.fakes import endpoints
from turnout.models.errors import NoTarget
from turnout.models.target import Target
from turnout.router.catalogue import Routing
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.pacing import Held
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.named import compose
from turnout.router.plan.strategy import RoutePlan
from turnout.router.values import Constraints, Features

POOL = Target("pool", "m", "openai_compatible", pool="pool", is_local=True)
NOW = 100.0
IN_2_S = Constraints(is_local_only=False, deadline_at=NOW + 600, first_token_s=2.0)


def pool(*ids: str) -> list[Candidate]:
    """Endpoints that prefill 10,000 tokens a second, as their answers have taught just now."""
    made = [Candidate(POOL, endpoint) for endpoint in endpoints(*ids)]
    for candidate in made:
        for number in range(8):
            candidate.foreseen().pace.note_first(1000 * (number + 1), 0.1 * (number + 1), NOW)
    return made


def plan(candidates: list[Candidate], constraints: Constraints = IN_2_S, now: float = NOW) -> RoutePlan:
    strategy = compose(Routing((("balanced", 1.0),)), random.Random(1))
    return strategy.plan(candidates, Query(constraints, Features(1000, None), now))


def test_one_that_would_be_too_late_is_left_out_and_says_why() -> None:
    late, well = pool("late", "well")
    late.foreseen().begin(25_000, (), NOW)
    made = plan([late, well])
    assert made.candidate is well
    assert [(each.endpoint.id, code) for each, code in made.unwell] == [("late", "too_late")]


@pytest.mark.parametrize(
    "constraints", [IN_2_S, structs.replace(IN_2_S, first_token_s=None, deadline_at=NOW + 2.0)], ids=["ttft", "timeout"]
)
def test_where_all_would_be_the_caller_hears_at_once_when_it_is_worth_asking_again(constraints: Constraints) -> None:
    late, later = pool("late", "later")
    late.foreseen().begin(25_000, (), NOW)
    later.foreseen().begin(50_000, (), NOW)
    with pytest.raises(NoTarget, match="too_late") as refusal:
        plan([late, later], constraints)
    assert refusal.value.status == 503
    assert refusal.value.retry_after_s == pytest.approx(1.55, abs=0.05), "2 x 0.95 s and 0.1 s of its own are 2 s"


def test_those_that_are_held_back_before_it_count_too() -> None:
    (one,) = candidates = pool("one")
    strategy = compose(Routing((("balanced", 1.0),)), random.Random(1))
    query = Query(IN_2_S, Features(1000, None), NOW)
    pacing = strategy.plan(candidates, query).pacing
    assert pacing is not None
    for number in range(4):
        pacing.add(Held([one.foreseen()], 10_000, (), NOW - 1.0 + number / 10))
    assert pacing.next(NOW) is not None
    with pytest.raises(NoTarget, match="too_late"):
        strategy.plan(candidates, query)


def test_nobody_is_left_out_by_a_prediction_that_nothing_has_confirmed_lately() -> None:
    (late,) = pool("late")
    late.foreseen().begin(25_000_000, (), NOW)
    assert plan([late], structs.replace(IN_2_S, deadline_at=1e9), now=NOW + 31.0).candidate is late


def test_who_allows_more_than_a_minute_is_never_told_beforehand() -> None:
    (late,) = pool("late")
    late.foreseen().begin(5_000_000, (), NOW)
    assert plan([late], structs.replace(IN_2_S, first_token_s=None)).candidate is late
