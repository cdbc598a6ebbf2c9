"""Each strategy does what its name says, alone and weighed against others."""

import random
from collections import Counter
from dataclasses import replace

import pytest
from msgspec.structs import replace as replace_struct

from tests.fakes import endpoints
from tests.gateways import catalogue
from turnout.models.openai.preferences import Preferences
from turnout.models.target import ModelCard, Target
from turnout.router.catalogue import Routing
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.query import Query
from turnout.router.plan.strategies.named import NAMED, Strategies
from turnout.router.values import Constraints, Features

CHEAP = Target("cheap", "m", "openai_compatible", vendor="acme", input_price_pusd=1, output_price_pusd=1, region="us")
DEAR = Target("dear", "m", "openai_compatible", vendor="bell", input_price_pusd=9, output_price_pusd=9, region="eu")
ANYWHERE = Constraints(is_local_only=False, deadline_at=100.0)
TARGETS = (DEAR, CHEAP)
SHORT = Features(100, None)


class Field:
    """Some targets under one strategy."""

    def __init__(self, *targets: Target, seed: int = 1, **routing: object) -> None:
        self.fleet = Fleet()
        self.fleet.set_catalogue(catalogue(*targets, routing=Routing(**routing)))  # type: ignore[arg-type]
        self.strategies = Strategies(random.Random(seed))

    def __getitem__(self, name: str) -> Candidate:
        return next(c for c in self.fleet.candidates("m") if c.target.name == name)

    def choose(self, features: Features = SHORT, constraints: Constraints = ANYWHERE) -> str:
        strategy = self.strategies.of(self.fleet.catalogue.models["m"], constraints)
        query = Query(constraints, features, 10.0)
        return strategy.plan(self.fleet.candidates("m"), query).candidate.target.name

    def count(self, times: int = 400, **kwargs: object) -> Counter[str]:
        return Counter(self.choose(**kwargs) for _ in range(times))  # type: ignore[arg-type]


def alone(name: str) -> dict[str, object]:
    return {"strategy": ((name, 1.0),)}


@pytest.mark.parametrize("name", NAMED)
def test_every_strategy_scores_between_nought_and_one(name: str) -> None:
    field = Field(*TARGETS, replace(CHEAP, name="new", input_price_pusd=None), **alone(name))
    field["dear"].watched().note_stream(0.1, 1.0, 100, 9.0)
    field["cheap"].in_flight = 7
    for features in (Features(1, None), Features(10_000, 5, b"0123456789abcdef", "eu", "code")):
        strategy = field.strategies.of(field.fleet.catalogue.models["m"], ANYWHERE)
        scores = strategy.plan(field.fleet.candidates("m"), Query(ANYWHERE, features, 10.0)).scores
        assert len(scores) == 3
        assert all(0.0 <= score <= 1.0 for score in scores)


def test_round_robin_gives_each_its_turn() -> None:
    field = Field(*TARGETS, replace(CHEAP, name="third"), **alone("round_robin"))
    turns = [field.choose() for _ in range(9)]
    assert turns[:3] == turns[3:6] == turns[6:]
    assert len(set(turns)) == 3


def test_weighted_follows_the_weights() -> None:
    counts = Field(replace(DEAR, weight=3.0), CHEAP, **alone("weighted")).count(4000)
    assert 2800 < counts["dear"] < 3200


def test_weights_are_a_targets_and_not_its_replicas() -> None:
    pool = Target("pool", "m", "openai_compatible", pool="pool", is_local=True)
    field = Field(pool, CHEAP, **alone("weighted"))
    field.fleet.set_pool("pool", endpoints("a", "b", "c"))
    assert 1800 < field.count(4000)["pool"] < 2200


def test_least_in_flight_takes_the_idlest() -> None:
    field = Field(*TARGETS, **alone("least_in_flight"))
    field["dear"].in_flight = 1
    assert field.count()["cheap"] == 400


def test_latency_takes_the_fastest_and_heeds_what_is_running_there() -> None:
    field = Field(*TARGETS, **alone("latency"))
    field["dear"].watched().note_stream(0.1, 1.0, 101, 9.0)
    field["cheap"].watched().note_stream(0.5, 5.0, 101, 9.0)
    assert field.count()["dear"] == 400
    field["dear"].in_flight = 9
    assert field.count()["cheap"] == 400


def test_latency_leaves_what_has_become_slow_at_once_and_comes_back_to_it() -> None:
    field = Field(*TARGETS, **alone("latency"))
    for name in ("dear", "cheap"):
        field[name].watched().note_stream(0.1, 1.0, 101, 1.0)
    field["dear"].watched().note_stream(0.5, 5.0, 101, 9.0)
    assert field.count()["cheap"] == 400
    field["cheap"].watched().note_stream(0.1, 1.0, 101, 60.0)
    strategy = field.strategies.of(field.fleet.catalogue.models["m"], ANYWHERE)
    later = Query(ANYWHERE, Features(100, None), 60.0)
    assert strategy.plan(field.fleet.candidates("m"), later).candidate is field["dear"]


def test_cost_takes_the_cheapest_and_what_has_no_price_last() -> None:
    unknown = replace(CHEAP, name="unknown", output_price_pusd=None)
    assert Field(*TARGETS, unknown, **alone("cost")).count()["cheap"] == 400
    assert Field(DEAR, unknown, **alone("cost")).count()["dear"] == 400


def test_cost_spreads_over_equal_prices() -> None:
    assert set(Field(CHEAP, replace(CHEAP, name="same"), **alone("cost")).count()) == {"cheap", "same"}


def test_quality_takes_the_better_card_and_the_model_made_for_the_task() -> None:
    good = replace(DEAR, card=ModelCard(quality=0.8))
    coder = replace(CHEAP, card=ModelCard(quality=0.6, tasks=frozenset({"code"})))
    field = Field(good, coder, **alone("quality"))
    assert field.count()["dear"] == 400
    assert field.count(features=Features(100, None, task="code"))["cheap"] == 400


def test_region_takes_the_callers_own_then_the_nearest() -> None:
    places = (("us", (39.0, -77.5)), ("eu", (50.1, 8.7)), ("uk", (51.5, 0.0)))
    field = Field(*TARGETS, **alone("region"), home="us", places=places)
    assert field.count()["cheap"] == 400
    assert field.count(features=Features(100, None, region="eu"))["dear"] == 400
    assert field.count(features=Features(100, None, region="uk"))["dear"] == 400


def test_order_goes_by_the_config() -> None:
    field = Field(*TARGETS, **alone("order"))
    assert field.count()["dear"] == 400
    field["dear"].rest(99.0)
    assert field.count()["cheap"] == 400


def session(number: int) -> Features:
    return Features(100, None, number.to_bytes(16))


def test_a_session_sticks_and_few_move_when_an_endpoint_goes() -> None:
    targets = [replace(CHEAP, name=f"t{n}") for n in range(5)]
    field, fewer = Field(*targets, **alone("sticky")), Field(*targets[:-1], **alone("sticky"))
    before = {n: field.choose(session(n)) for n in range(1000)}
    assert before == {n: field.choose(session(n)) for n in range(1000)}
    assert all(150 < count < 250 for count in Counter(before.values()).values())
    after = {n: fewer.choose(session(n)) for n in range(1000)}
    moved = [n for n in before if before[n] != after[n]]
    assert {before[n] for n in moved} == {"t4"}
    spread = Counter(after[n] for n in moved)
    assert len(spread) == 4
    assert max(spread.values()) < len(moved) / 2, "what one loses goes to all the others"


def test_a_session_leaves_an_endpoint_that_is_loaded_far_above_the_others() -> None:
    field = Field(*TARGETS, **alone("sticky"))
    home = field.choose(session(1))
    field[home].in_flight = 10
    assert field.choose(session(1)) != home
    field[home].in_flight = 0
    assert field.choose(session(1)) == home


def test_several_strategies_are_weighed_against_each_other() -> None:
    field = Field(*TARGETS, strategy=(("cost", 1.0), ("least_in_flight", 10.0)))
    field["cheap"].in_flight = 5
    assert field.count()["dear"] == 400
    field = Field(*TARGETS, strategy=(("cost", 10.0), ("least_in_flight", 1.0)))
    field["cheap"].in_flight = 5
    assert field.count()["cheap"] == 400


@pytest.mark.parametrize(
    ("wishes", "chosen"),
    [
        (Preferences(sort="price"), "cheap"),
        (Preferences(order=("bell", "acme")), "dear"),
        (Preferences(order=("cheap",)), "cheap"),
        (Preferences(ignore=frozenset({"cheap"})), "dear"),
        (Preferences(only=frozenset({"acme"})), "cheap"),
    ],
)
def test_a_callers_wishes_go_before_the_models_strategy(wishes: Preferences, chosen: str) -> None:
    field = Field(*TARGETS, **alone("round_robin"))
    assert field.count(constraints=replace_struct(ANYWHERE, preferences=wishes)) == {chosen: 400}


def test_new_terms_make_a_new_strategy_and_old_ones_keep_their_state() -> None:
    field = Field(*TARGETS, **alone("round_robin"))
    route = field.fleet.catalogue.models["m"]
    first = field.strategies.of(route, ANYWHERE)
    assert field.strategies.of(route, ANYWHERE) is first
    changed = replace(route, routing=Routing((("cost", 1.0),)))
    assert field.strategies.of(changed, ANYWHERE).name == "cost"
    field.strategies.keep_only(set())
    assert repr(field.strategies) == "<Strategies >"
