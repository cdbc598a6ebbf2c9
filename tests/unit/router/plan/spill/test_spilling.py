"""Which requests leave home, and which never do."""

import random
from dataclasses import replace

import pytest
from msgspec import structs

from tests.fakes import endpoints
from turnout.models.errors import NoTarget
from turnout.models.target import Target
from turnout.router.catalogue import ModelRoute, Routing
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.predict.work import Stay
from turnout.router.plan.query import Query
from turnout.router.plan.spill.gate import QUIET_S
from turnout.router.plan.spill.spillways import Spillways
from turnout.router.plan.spill.terms import Spill
from turnout.router.plan.strategies.named import Strategies
from turnout.router.plan.strategy import RoutePlan
from turnout.router.values import Constraints, Features

HOME = Target("home", "m", "openai_compatible", pool="pool", is_local=True)
AWAY = Target("away", "m", "openai_compatible", input_price_pusd=1_000_000, output_price_pusd=1_000_000)
ANYWHERE = Constraints(is_local_only=False, deadline_at=1e9)
LOCAL_ONLY = structs.replace(ANYWHERE, is_local_only=True)


class Tally:
    """Hears of switches."""

    def __init__(self) -> None:
        self.events: list[str] = []

    def switch_spill(self, model: str, event: str) -> None:
        assert model == "m"
        self.events.append(event)


class Field:
    """One pool of one engine and one remote target in reserve."""

    def __init__(self, nusd_per_hour: int | None = None) -> None:
        self.tally = Tally()
        self.strategies = Strategies(random.Random(1), Spillways(self.tally, lambda: 1.0))
        self.terms = Spill(frozenset({"away"}), nusd_per_hour)
        self.home = Candidate(HOME, endpoints("a")[0])
        self.away = Candidate(AWAY, endpoints("b")[0])
        for number in range(8):
            self.home.foreseen().pace.note_first(1000 * (number + 1), 0.1 * (number + 1), 100.0)

    def plan(
        self, *there: Candidate, now: float = 100.0, constraints: Constraints = ANYWHERE, tokens: int = 1000
    ) -> RoutePlan:
        routing = Routing((("balanced", 1.0),), spill=self.terms)
        strategy = self.strategies.of(ModelRoute("m", (HOME, AWAY), routing=routing), constraints)
        query = Query(constraints, Features(tokens, None), now, tenant="t")
        return strategy.plan(there or (self.home, self.away), query)

    def load(self, tokens: int, now: float = 100.0) -> Stay:
        """Prefill under way at home."""
        return self.home.foreseen().begin(tokens, (), now)


def test_home_answers_as_long_as_it_is_in_time() -> None:
    field = Field()
    field.load(15_000)
    assert field.plan().candidate is field.home
    assert field.tally.events == []


def test_what_would_miss_the_objective_goes_away_before_it_is_sent_anywhere() -> None:
    field = Field()
    field.load(25_000)
    plan = field.plan()
    assert (plan.candidate, plan.reason) == (field.away, "spill")
    assert field.tally.events == ["spill_began"]


def test_once_it_spills_those_stay_that_are_well_within_the_objective() -> None:
    field = Field()
    field.load(25_000)
    field.plan()
    assert field.plan(now=101.0).candidate is field.away, "1.6 s to go are more than 0.7 of 2 s"
    assert field.plan(now=101.8).candidate is field.home


def test_it_ends_when_home_has_been_quiet_for_a_minute() -> None:
    field = Field()
    stay = field.load(25_000)
    field.plan()
    field.home.foreseen().first(stay, 102.5)
    field.home.foreseen().pace.note_first(1000, 0.1, 102.6 + QUIET_S)
    assert field.plan(now=102.7 + QUIET_S).candidate is field.home
    assert field.tally.events == ["spill_began", "spill_ended"]


def test_nothing_spills_by_a_prediction_that_nothing_has_confirmed_lately() -> None:
    field = Field()
    field.load(25_000)
    assert field.plan(now=100.0 + 31.0).candidate is field.home


def test_a_remote_that_is_known_to_be_as_slow_is_no_help() -> None:
    field = Field()
    field.load(25_000)
    for number in range(8):
        field.away.foreseen().pace.note_first(1000 * (number + 1), 4.0, 100.0)
    assert field.plan().candidate is field.home


def test_what_is_local_only_never_spills() -> None:
    field = Field()
    field.load(250_000)
    assert field.plan(constraints=LOCAL_ONLY).candidate is field.home
    with pytest.raises(NoTarget) as refusal:
        field.plan(field.away, constraints=LOCAL_ONLY)
    assert refusal.value.status == 503, "a pool that starts may answer it soon"


def test_while_home_has_no_replica_the_remote_bridges() -> None:
    field = Field()
    plan = field.plan(field.away)
    assert (plan.candidate, plan.reason) == (field.away, "bridge")
    assert field.plan().candidate is field.home
    assert field.tally.events == ["bridge_began"]
    field.plan(now=100.0 + QUIET_S)
    assert field.tally.events == ["bridge_began", "bridge_ended"]


def test_what_only_the_remote_can_do_is_no_exception() -> None:
    field = Field(nusd_per_hour=0)
    field.home.context_tokens = 1000
    plan = field.plan(tokens=5000)
    assert (plan.candidate, plan.spill) == (field.away, None)


def test_without_money_left_requests_stay_at_home_or_wait_for_it() -> None:
    field = Field(nusd_per_hour=1000)
    field.load(25_000)
    budget = field.plan().spill
    assert budget is not None
    assert budget.try_hold("t", 1000, 100.0)
    assert field.plan().candidate is field.home
    with pytest.raises(NoTarget, match=r"usd_per_hour") as refusal:
        field.plan(field.away)
    assert refusal.value.reasons == {"spill_budget"}
    assert refusal.value.retry_after_s is not None


def test_what_was_spent_survives_a_new_config() -> None:
    field = Field(nusd_per_hour=1000)
    budget = field.plan(field.away).spill
    assert budget is not None
    budget.try_hold("t", 1000, 100.0)
    field.terms = replace(field.terms, nusd_per_hour=900)
    with pytest.raises(NoTarget):
        field.plan(field.away)
