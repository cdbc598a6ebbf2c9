"""How a file's timeouts, retries, fallbacks, hedging, breakers and keys reach the router, and which of them are refused."""

from typing import Any

import pytest
import yaml

from tests.unit.serve.config.test_check import ENVIRON, GOOD
from turnout.models.target import BreakerPolicy, ContinueBy, Target
from turnout.router.catalogue import Catalogue, Degrade, Fallbacks, Hedging, ModelRoute, Retries, Timeouts
from turnout.serve.config.check import check_text
from turnout.serve.config.compile import compile_catalogue
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.problem import Problem
from turnout.serve.config.secret import ConfigError, Secrets

ROUTER = "applications[2].deployments[0].user_config"
SECRETS = Secrets(ENVIRON | {"A": "sk-a", "B": "sk-b"}, "n")


def settings(model: dict[str, Any], provider: dict[str, Any] | None = None, **target: Any) -> dict[str, Any]:
    """Models `small`, with `model` and `target` on top, and `large`, both at provider `far`."""
    place = {"provider": "far", "model": "big-1"}
    return {
        "auth": {"open_on_loopback": True},
        "providers": {"far": provider or {"base_url": "https://far.example/v1", "api_key": "env:FAR_KEY"}},
        "models": [
            {"name": "small", "targets": [{"name": "there", **place, **target}], **model},
            {"name": "large", "targets": [{"name": "also", **place}]},
        ],
    }


def compiled(content: dict[str, Any]) -> Catalogue:
    return compile_catalogue(DynamicConfig.model_validate(content), Overlay(), "v", "127.0.0.1", SECRETS)


def check(content: dict[str, Any]) -> list[Problem]:
    file = yaml.safe_load(GOOD)
    file["applications"][2]["deployments"][0]["user_config"] = content
    found = check_text(yaml.safe_dump(file), ENVIRON | {"A": "sk-a", "B": "sk-b"})
    return [problem for problem in found if problem.path.startswith(ROUTER)]


def test_a_model_that_says_nothing_has_the_routers_own_defaults() -> None:
    route = compiled(settings({})).models["small"]
    assert route == ModelRoute("small", route.targets)
    assert route.targets == (Target("there", "big-1", "openai_compatible", vendor="far"),)


def test_what_a_model_says_reaches_the_router_as_it_stands() -> None:
    route = compiled(
        settings(
            {
                "timeouts": {"attempt_s": 5, "heartbeat_after_s": 1.5},
                "retries": {"max_attempts": 2, "same_target": 0},
                "fallbacks": {"any_error": ["large"], "budget": ["large"]},
                "hedging": {},
                "degrade": {"stale": False, "answer": "Later."},
                "continues": False,
            },
            breaker={"open_s": 1},
            continues_by="prefill",
        )
    ).models["small"]
    assert route.timeouts == Timeouts(attempt_s=5, heartbeat_after_s=1.5)
    assert route.retries == Retries(max_attempts=2, same_target=0)
    assert route.fallbacks == Fallbacks(any_error=("large",), budget=("large",))
    assert (route.hedging, route.degrade, route.continues) == (Hedging(), Degrade(False, "Later."), False)
    assert (route.targets[0].breaker, route.targets[0].continues_by) == (BreakerPolicy(open_s=1), ContinueBy.PREFILL)


def test_a_breaker_of_null_is_none_at_all() -> None:
    assert compiled(settings({}, breaker=None)).models["small"].targets[0].breaker is None


def test_several_keys_are_endpoints_of_one_target_that_share_its_connections() -> None:
    provider = {"base_url": "https://far.example/v1", "api_keys": ["env:A", "env:B"], "headers": {"X-Project": "p"}}
    first, second = compiled(settings({}, provider)).fixed_endpoints["there"]
    assert (first.id, second.id) == ("far.example:443#1", "far.example:443#2")
    assert dict(first.headers) == {b"x-project": b"p", b"authorization": b"Bearer sk-a"}
    assert dict(second.headers) == {b"x-project": b"p", b"authorization": b"Bearer sk-b"}
    assert (first.host, first.port, first.base_path) == (second.host, second.port, second.base_path)
    assert first.tls is second.tls
    assert first.tls is not None


@pytest.mark.parametrize(
    ("provider", "says"),
    [
        ({"base_url": "https://f/v1", "api_key": "env:A", "api_keys": ["env:B"]}, "either api_key or api_keys"),
        ({"base_url": "https://f/v1", "api_keys": ["env:A", "env:A"]}, "names a key twice"),
        ({"base_url": "https://f/v1", "api_keys": ["sk-secret"]}, "env:NAME or file:PATH"),
        ({"placement": "deployment", "app": "x", "api_keys": ["env:A"]}, "give each key its own"),
    ],
)
def test_keys_that_cannot_be_meant_are_refused_without_repeating_them(provider: dict[str, Any], says: str) -> None:
    errors = [problem for problem in check(settings({}, provider)) if problem.severity == "error"]
    assert any(says in problem.message for problem in errors)
    assert "sk-secret" not in str(errors)


@pytest.mark.parametrize(
    ("model", "path", "says"),
    [
        ({"fallbacks": {"any_error": ["larg"]}}, "fallbacks.any_error[0]", "did you mean 'large'?"),
        ({"fallbacks": {"rate_limit": ["large", "small"]}}, "fallbacks.rate_limit[1]", "falls back to itself"),
        (
            {"fallbacks": {"any_error": ["large"]}, "operations": ["chat", "embeddings"]},
            "fallbacks.any_error[0]",
            "doesn't serve embeddings",
        ),
        ({"hedging": {"quantile": 1}}, "hedging.quantile", "less than 1"),
        ({"retries": {"max_attempts": 0}}, "retries.max_attempts", "greater than or equal to 1"),
        ({"retries": {"budget_share": 1.5}}, "retries.budget_share", "less than or equal to 1"),
        ({"retries": {"max_attemps": 2}}, "retries.max_attemps", "did you mean 'max_attempts'?"),
        ({"degrade": {"answer": ""}}, "degrade.answer", "at least 1 character"),
    ],
)
def test_each_mistake_is_an_error_where_it_stands(model: dict[str, Any], path: str, says: str) -> None:
    (problem,) = [problem for problem in check(settings(model)) if problem.severity == "error"]
    assert problem.path == f"{ROUTER}.models[0].{path}"
    assert says in f"{problem.message} {problem.hint}"


def test_a_router_refuses_a_fallback_that_nobody_checked_before() -> None:
    with pytest.raises(ConfigError, match="no model 'larg'"):
        compiled(settings({"fallbacks": {"context_window": ["larg"]}}))


def test_two_models_may_stand_in_for_each_other() -> None:
    content = settings({"fallbacks": {"any_error": ["large"]}})
    content["models"][1]["fallbacks"] = {"any_error": ["small"]}
    assert check(content) == []
    assert compiled(content).models["large"].fallbacks.any_error == ("small",)


@pytest.mark.parametrize(
    ("model", "target", "path", "says"),
    [
        ({"timeouts": {"attempt_s": 60, "total_s": 30}}, {}, "timeouts.attempt_s", "never counts"),
        ({"timeouts": {"first_token_s": 6, "attempt_s": 5}}, {}, "timeouts.first_token_s", "above attempt_s (5)"),
        ({"retries": {"backoff_first_s": 3, "backoff_max_s": 1}}, {}, "retries.backoff_first_s", "never counts"),
        ({}, {"breaker": {"open_s": 3, "open_max_s": 1}}, "targets[0].breaker.open_s", "above open_max_s (1)"),
    ],
)
def test_what_has_no_effect_is_a_warning(model: dict[str, Any], target: dict[str, Any], path: str, says: str) -> None:
    (problem,) = check(settings(model, **target))
    assert (problem.severity, problem.path) == ("warning", f"{ROUTER}.models[0].{path}")
    assert says in problem.message


def test_a_total_time_below_the_other_defaults_is_nothing_to_warn_of() -> None:
    assert check(settings({"timeouts": {"total_s": 10}})) == []


def test_another_models_vectors_as_a_fallback_are_a_warning() -> None:
    content = settings({"operations": ["embeddings"], "fallbacks": {"any_error": ["large"]}})
    content["models"][1]["operations"] = ["embeddings"]
    (problem,) = check(content)
    assert (problem.severity, problem.path) == ("warning", f"{ROUTER}.models[0].fallbacks")


def test_the_fingerprint_changes_with_every_setting_and_survives_being_kept_as_json() -> None:
    seen = set[str]()
    for model in ({}, {"continues": False}, {"hedging": {}}, {"fallbacks": {"any_error": ["large"]}}):
        config = DynamicConfig.model_validate(settings(model, continues_by="never"))
        assert DynamicConfig.model_validate_json(config.model_dump_json()).fingerprint() == config.fingerprint()
        seen.add(config.fingerprint())
    assert len(seen) == 4


def test_a_price_of_cached_tokens_reaches_the_router_and_is_never_above_the_price_of_others() -> None:
    prices = {"input_cost_per_token": "0.000002", "output_cost_per_token": "0.000008"}
    target = compiled(settings({}, **prices, cache_read_cost_per_token=5e-7)).models["small"].targets[0]
    assert (target.input_price_pusd, target.cache_read_price_pusd) == (2_000_000, 500_000)
    for wrong in ({**prices, "cache_read_cost_per_token": 3e-6}, {"cache_read_cost_per_token": 5e-7}):
        (problem,) = check(settings({}, **wrong))
        assert "needs an input_cost_per_token that is as much or more" in problem.message
