"""The Fleet's memory, and what Filters, Scorer and Picker make of it."""

import random
from collections import Counter
from dataclasses import replace

import pytest

from tests.fakes import endpoints
from tests.gateways import LOCAL, REMOTE, catalogue
from turnout.models.errors import NoTarget
from turnout.router.plan.fleet import EJECT_AFTER, EJECT_MAX_S, Candidate, Fleet
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.in_flight import InFlight
from turnout.router.plan.strategies.named import Strategies
from turnout.router.plan.strategies.pickers import TwoChoices
from turnout.router.values import Constraints, Features

ANYWHERE = Constraints(is_local_only=False, deadline_at=0.0)
FEATURES = Features(10, None)


def fleet(*ids: str) -> Fleet:
    made = Fleet()
    made.set_catalogue(catalogue(LOCAL))
    made.set_pool("pool", endpoints(*ids))
    return made


def choose(
    made: Fleet,
    now: float = 0.0,
    tried: tuple[Candidate, ...] = (),
    constraints: Constraints = ANYWHERE,
    *,
    even_ejected: bool = False,
) -> Candidate:
    strategy = Strategies(random.Random(3)).of(made.catalogue.models["m"], constraints)
    query = Query(constraints, FEATURES, now, tried, even_ejected)
    return strategy.plan(made.candidates("m"), query).candidate


def test_what_is_known_of_an_endpoint_survives_a_new_config_and_a_new_list() -> None:
    made = fleet("a", "b")
    first = made.candidates("m")[0]
    first.in_flight = 3
    made.set_catalogue(replace(catalogue(LOCAL), version="v2"))
    made.set_pool("pool", endpoints("a", "c"))
    assert made.candidates("m")[0] is first
    assert [candidate.endpoint.id for candidate in made.candidates("m")] == ["a", "c"]


def test_endpoints_of_a_pool_that_is_deployed_before_its_config_comes_are_known_when_it_comes() -> None:
    made = Fleet()
    made.set_catalogue(catalogue(LOCAL))
    assert made.pools == {"pool"}
    assert made.candidates("m") == ()


def test_drained_targets_and_weight_zero_get_nothing() -> None:
    made = fleet("a")
    made.set_catalogue(replace(catalogue(LOCAL), drained=frozenset({"local"})))
    assert made.candidates("m") == ()
    made.set_catalogue(catalogue(replace(LOCAL, weight=0.0)))
    assert made.candidates("m") == ()


def test_two_choices_prefer_the_idler_and_spread_over_equals() -> None:
    picker = TwoChoices(random.Random(1))
    assert {picker.pick((), [0.1, 0.9]) for _ in range(50)} == {1}
    counts = Counter(picker.pick((), [0.5] * 4) for _ in range(4000))
    assert all(800 < counts[index] < 1200 for index in range(4))
    worst = Counter(picker.pick((), [0.9, 0.9, 0.9, 0.1]) for _ in range(1000))
    assert worst[3] == 0, "the worst of all loses against every other"


def test_scores_lie_between_nought_and_one_and_respect_weights() -> None:
    light, heavy = (Candidate(replace(LOCAL, weight=weight), endpoints("a")[0]) for weight in (1.0, 4.0))
    light.in_flight = heavy.in_flight = 4
    scores = InFlight().score([light, heavy], Query(ANYWHERE, FEATURES, 0.0))
    assert 0 < scores[0] < scores[1] <= 1


def test_an_endpoint_that_keeps_failing_is_left_alone_for_a_while() -> None:
    made = fleet("a", "b")
    bad, good = made.candidates("m")
    for _ in range(EJECT_AFTER):
        assert bad.ejected_until == 0.0
        bad.fail(now=100.0)
    assert {choose(made, now=100.5) for _ in range(20)} == {good}
    assert bad in {choose(made, now=101.5) for _ in range(20)}
    for _ in range(20):
        bad.fail(now=200.0)
    assert bad.ejected_until == 200.0 + EJECT_MAX_S
    bad.succeed()
    assert bad.ejected_until == 0.0


def test_an_endpoint_where_nobody_listens_is_ejected_at_once() -> None:
    made = fleet("a", "b")
    gone, there = made.candidates("m")
    gone.refuse_connection(now=10.0)
    assert {choose(made, now=10.1) for _ in range(20)} == {there}


def test_when_all_are_ejected_one_is_tried_all_the_same() -> None:
    made = fleet("a")
    made.candidates("m")[0].refuse_connection(now=10.0)
    with pytest.raises(NoTarget) as refusal:
        choose(made, now=10.1)
    assert refusal.value.retry_after_s == pytest.approx(0.9)
    assert choose(made, now=10.1, even_ejected=True).endpoint.id == "a"


def test_nobody_left_is_an_error_with_reason_codes() -> None:
    made = Fleet()
    made.set_catalogue(catalogue(REMOTE))
    with pytest.raises(NoTarget, match="not_local"):
        choose(made, constraints=Constraints(is_local_only=True, deadline_at=0.0))
    (remote,) = made.candidates("m")
    with pytest.raises(NoTarget, match="tried"):
        choose(made, tried=(remote,))
