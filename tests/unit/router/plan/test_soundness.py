"""No request goes where its Constraints forbid it: planning against a brute-force oracle that was written from the documentation alone."""

import random

import pytest

from tests.fakes import endpoints
from turnout.benchmarks.scenarios.routing.soundness import draw_constraints, draw_features, draw_target, may_answer
from turnout.models.errors import NoTarget, Unservable
from turnout.models.target import Endpoint, ModelCard, Target
from turnout.router.catalogue import Catalogue, ModelRoute, Routing
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.query import Query
from turnout.router.plan.spill.spilling import EXCEPTIONS
from turnout.router.plan.spill.spillways import Spillways
from turnout.router.plan.spill.terms import Spill
from turnout.router.plan.strategies.named import NAMED, Strategies
from turnout.router.values import Constraints, Features

CASES = 3_000
ANY = Constraints(is_local_only=False, deadline_at=100.0)


@pytest.mark.parametrize("name", NAMED)
def test_no_strategy_sends_a_request_where_it_may_not_go(name: str) -> None:
    rng = random.Random(name)
    refused = 0
    for _ in range(CASES // len(NAMED)):
        targets = tuple(draw_target(rng, number) for number in range(rng.randint(1, 6)))
        fleet = Fleet()
        fleet.set_catalogue(
            Catalogue(
                "v",
                {"m": ModelRoute("m", targets, routing=Routing(((name, 1.0),)))},
                {target.name: (Endpoint("e", "h", 1),) for target in targets},
            )
        )
        asked = draw_constraints(rng)
        features = draw_features(rng)
        allowed = {target.name for target in targets if may_answer(target, asked, features)}
        strategy = Strategies(rng).of(fleet.catalogue.models["m"], asked)
        query = Query(asked, features, 10.0, even_ejected=rng.random() < 0.3)
        candidates = fleet.candidates("m")
        excluded = {candidate.target.name for candidate, _ in strategy.exclusions(candidates, query)}
        assert excluded == {target.name for target in targets} - allowed
        try:
            assert strategy.plan(candidates, query).candidate.target.name in allowed
        except Unservable as refusal:
            refused += 1
            assert not allowed
            assert refusal.reasons
    assert refused > 20, "the cases are hard enough to leave nobody now and then"


def test_nothing_spills_or_is_bridged_to_where_it_may_not_go() -> None:
    rng = random.Random(11)
    left = 0
    for _ in range(CASES):
        targets = tuple(draw_target(rng, number) for number in range(rng.randint(2, 6)))
        terms = Spill(frozenset(each.name for each in targets if not each.is_local), rng.choice((None, 0, 10**9)))
        route = ModelRoute("m", targets, routing=Routing((("balanced", 1.0),), spill=terms))
        running = tuple(each for each in targets if not each.is_local or rng.random() < 0.6)
        candidates = [Candidate(each, Endpoint("e", "h", 1)) for each in running]
        for each in candidates:
            burden(each, rng)
        asked = draw_constraints(rng)
        features = draw_features(rng)
        strategy = Strategies(rng, Spillways(Silent(), lambda: 1.0)).of(route, asked)
        try:
            plan = strategy.plan(candidates, Query(asked, features, 10.0, tenant="t"))
        except NoTarget:
            continue
        assert may_answer(plan.candidate.target, asked, features)
        left += plan.reason in EXCEPTIONS
    assert left > 100, "many leave"


def burden(candidate: Candidate, rng: random.Random) -> None:
    """Teach what an endpoint is like, and leave it with work, or not."""
    outlook = candidate.foreseen()
    for number in range(rng.choice((0, 8))):
        outlook.pace.note_first(1000 * (number + 1), 0.1 * (number + 1), 10.0)
    outlook.begin(rng.choice((1, 100_000)), (), 10.0)


class Silent:
    """Hears of switches, and says nothing."""

    def switch_spill(self, model: str, event: str) -> None:
        """See `Tally`."""


def test_waiting_is_advised_only_where_it_may_help() -> None:
    there = Target("there", "m", "openai_compatible", card=ModelCard(context_tokens=100))
    candidate = Candidate(there, endpoints("a")[0])
    strategy = Strategies(random.Random(1)).of(ModelRoute("m", (there,)), ANY)
    with pytest.raises(Unservable, match="context_window") as never:
        strategy.plan([candidate], Query(ANY, Features(5000, None), 10.0))
    assert (never.value.status, never.value.retry_after_s) == (400, None)
    assert never.value.code == "context_length_exceeded"
    candidate.rest(12.5)
    with pytest.raises(NoTarget, match="rate_limited") as later:
        strategy.plan([candidate], Query(ANY, Features(10, None), 10.0))
    assert (later.value.status, later.value.retry_after_s) == (503, 2.5)
    assert later.value.reasons == {"rate_limited"}
