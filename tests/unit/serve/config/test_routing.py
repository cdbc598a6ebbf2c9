"""Strategies, cards and regions of the cluster file reach the router as they're written."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from turnout.models.target import Capability, ModelCard
from turnout.router.catalogue import Routing
from turnout.router.plan.aims import Objective, Weights
from turnout.router.plan.spill.terms import Spill
from turnout.router.plan.strategies.named import NAMED
from turnout.serve.config.compile import compile_catalogue
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.routing import StrategyName
from turnout.serve.config.secret import Secrets

FAR = {"base_url": "https://far.example/v1"}


def compiled(model: dict[str, Any], **config: Any) -> Any:
    document = {
        "auth": {"open_on_loopback": True},
        "providers": {"far": {**FAR, **config.pop("provider", {})}},
        "models": [{"name": "m", "targets": [{"name": "t", "provider": "far", "model": "x"}], **model}],
        **config,
    }
    settings = DynamicConfig.model_validate(document)
    assert DynamicConfig.model_validate_json(settings.model_dump_json()) == settings
    assert settings.fingerprint() == DynamicConfig.model_validate(document).fingerprint()
    return compile_catalogue(settings, Overlay(), "v", "127.0.0.1", Secrets({}, "node")).models["m"]


def test_the_config_names_the_strategies_that_there_are() -> None:
    assert set(get_args(StrategyName)) == set(NAMED)


def test_one_strategy_or_several_with_weights() -> None:
    assert compiled({"strategy": "latency"}).routing == Routing((("latency", 1.0),))
    assert compiled({"strategy": {"cost": 2, "latency": 1}}).routing.strategy == (("cost", 2.0), ("latency", 1.0))


def test_an_objective_and_what_balanced_takes_things_to_be_worth() -> None:
    routing = compiled({"objective": {"first_token_s": 0.5, "token_s": 0.03}, "balanced": {"usd": 7}}).routing
    assert routing.objective == Objective(0.5, 0.03)
    assert routing.weights == Weights(usd=7.0)
    assert compiled({}).routing.objective == Objective(2.0, None)


@pytest.mark.parametrize("strategy", ["fastest", {}, {"cost": 0}, {"fastest": 1}, None])
def test_a_strategy_that_isnt_there_is_refused(strategy: object) -> None:
    with pytest.raises(ValidationError, match="strategy"):
        compiled({"strategy": strategy})


def test_regions_have_places_and_targets_their_providers_region() -> None:
    places = {"eu": {"latitude": 50.1, "longitude": 8.7}}
    route = compiled({"strategy": "region"}, provider={"region": "eu"}, region="us", regions=places)
    assert route.routing == Routing((("region", 1.0),), "us", (("eu", (50.1, 8.7)),))
    assert route.targets[0].region == "eu"


def test_a_targets_own_region_goes_before_its_providers() -> None:
    target = {"name": "t", "provider": "far", "model": "x", "region": "ch"}
    assert compiled({"targets": [target]}, provider={"region": "eu"}).targets[0].region == "ch"


def test_pools_are_where_the_gateway_is_and_keep_no_prompts() -> None:
    target = compiled({"targets": [{"name": "t", "pool": "p"}]}, region="eu").targets[0]
    assert (target.vendor, target.region, target.keeps_prompts) == ("local", "eu", False)


def test_a_provider_keeps_prompts_unless_the_config_denies_it() -> None:
    assert compiled({}).targets[0].keeps_prompts
    assert not compiled({}, provider={"keeps_prompts": False}).targets[0].keeps_prompts


def test_a_card_says_what_a_model_is_good_for() -> None:
    card = {"capabilities": ["tools", "vision"], "context_tokens": 8192, "quality": 0.7, "tasks": ["code"]}
    target = {"name": "t", "provider": "far", "model": "x", "card": card}
    assert compiled({"targets": [target]}).targets[0].card == ModelCard(
        frozenset({Capability.TOOLS, Capability.VISION}), 8192, 0.7, frozenset({"code"})
    )


def test_all_remote_targets_are_in_reserve_unless_some_are_named() -> None:
    targets = [{"name": "here", "pool": "p"}, {"name": "there", "provider": "far", "model": "x"}]
    model = {"targets": targets, "strategy": "balanced"}
    assert compiled({**model, "spill": {"usd_per_hour": 2.5}}).routing.spill == Spill(
        frozenset({"there"}), 2_500_000_000
    )
    assert compiled({**model, "spill": {}}).routing.spill == Spill(frozenset({"there"}))
    assert compiled(model).routing.spill is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"strategy": "cost"}, "add strategy: balanced"),
        ({"spill": {"to": ["here"]}}, r"spill\.to names here"),
        ({"targets": [{"name": "here", "pool": "p"}]}, "needs a remote target"),
        ({"targets": [{"name": "there", "provider": "far", "model": "x"}]}, "another that answers"),
    ],
)
def test_a_reserve_that_could_not_work_is_refused(change: dict[str, object], why: str) -> None:
    targets = [{"name": "here", "pool": "p"}, {"name": "there", "provider": "far", "model": "x"}]
    with pytest.raises(ValidationError, match=why):
        compiled({"targets": targets, "strategy": "balanced", "spill": {}, **change})
