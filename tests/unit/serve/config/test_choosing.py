"""Rules and `auto` of the cluster file: what reaches the router, what is refused, and what `turnout check` finds useless."""

from datetime import UTC, time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from turnout.models.target import Capability
from turnout.router.choose.terms import Auto, Hours, Rule, Rules, Share, When
from turnout.router.quality import lexical
from turnout.router.quality.file import save
from turnout.router.quality.fit import Table, fit
from turnout.serve.config.choice_soundness import check_choices
from turnout.serve.config.compile import compile_catalogue
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.part import Part
from turnout.serve.config.problem import Problem
from turnout.serve.config.secret import ConfigError, Secrets

SMALL = {"name": "small", "targets": [{"name": "small-1", "provider": "far", "model": "x"}]}
BIG = {"name": "big", "targets": [{"name": "big-1", "provider": "far", "model": "y"}]}
SMART = {"name": "smart", "auto": ["small", "big"]}
MINILM = {"name": "minilm", "operations": ["embeddings"], "targets": [{"name": "emb", "pool": "minilm"}]}


def document(*models: dict[str, Any], **config: Any) -> dict[str, Any]:
    return {
        "auth": {"open_on_loopback": True},
        "providers": {"far": {"base_url": "https://far.example/v1"}},
        "models": list(models),
        **config,
    }


def choices(*models: dict[str, Any]) -> tuple[object, ...]:
    """Of the first model, by way of the JSON that Control keeps."""
    settings = DynamicConfig.model_validate(document(*models))
    again = DynamicConfig.model_validate_json(settings.model_dump_json())
    assert again == settings
    assert again.fingerprint() == settings.fingerprint()
    return compile_catalogue(again, Overlay(), "v", "127.0.0.1", Secrets({}, "node")).models[models[0]["name"]].choices


def ruled(when: str, use: str = "big") -> dict[str, Any]:
    return {**SMALL, "rules": [{"when": yaml.safe_load(when), "use": use}]}


def found(*models: dict[str, Any], **config: Any) -> list[Problem]:
    return [problem for _, problem in check_choices(Part((), document(*models, **config)))]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{}", When()),
        ("{tenant: acme}", When({"tenant": ("acme",)})),
        ("{tenant: [acme, zeta*], tier: gold}", When({"tenant": ("acme", "zeta*"), "tier": ("gold",)})),
        ("{team: a, user: b, key: c}", When({"team": ("a",), "user": ("b",), "key": ("c",)})),
        ("{language: [de, fr]}", When({"language": ("de", "fr")})),
        ("{tag: d, task: e}", When({"tag": ("d",), "task": ("e",)})),
        ("{header: {x-app: batch, x-env: [dev, test]}}", When(headers={"x-app": ("batch",), "x-env": ("dev", "test")})),
        ("{prompt_tokens: {at_least: 10, at_most: 20}}", When(least_tokens=10, most_tokens=20)),
        ("{prompt_tokens: {at_most: 20}}", When(most_tokens=20)),
        ("{has: [tools, vision]}", When(has=frozenset({Capability.TOOLS, Capability.VISION}))),
        ("{stream: false}", When(is_stream=False)),
        ("{share: 0.1}", When(share=Share(0.1, "session"))),
        ("{share: 0.1, share_by: user}", When(share=Share(0.1, "user"))),
        ("{time: {after: 18:30, before: 08:00, days: [mon, fri]}}", When(hours=Hours(time(18, 30), time(8), frozenset({0, 4}), UTC))),
    ],
)  # fmt: skip
def test_what_a_rule_says_reaches_the_router(when: str, expected: When) -> None:
    assert choices(ruled(when), BIG) == (Rules((Rule(expected, "big"),)),)


def test_a_time_zone_is_looked_up_once_when_the_config_is_taken() -> None:
    (rules,) = choices(ruled("{time: {after: '09:00', before: '17:00', zone: Europe/Berlin}}"), BIG)
    assert isinstance(rules, Rules)
    assert rules.rules[0].when.hours is not None
    assert str(rules.rules[0].when.hours.zone) == "Europe/Berlin"


@pytest.mark.parametrize(
    ("when", "told"),
    [
        ("{tenant: []}", "at least 1 item"),
        ("{where: x}", "Extra inputs"),
        ("{prompt_tokens: {}}", "at_least, at_most or both"),
        ("{prompt_tokens: {at_least: 9, at_most: 3}}", "no prompt has at least 9"),
        ("{time: {zone: Mars/Olympus}}", "no time zone"),
        ("{time: {zone: ../../etc/passwd}}", "no time zone"),
        ("{time: {after: '25:00'}}", "pattern"),
        ("{time: {days: []}}", "at least 1 item"),
        ("{share: 0}", "greater than 0"),
        ("{share: 1.5}", "less than or equal to 1"),
        ("{header: {X-App: batch}}", "pattern"),
        ("{has: [magic]}", "tools"),
        ("{language: klingon}", "de"),
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(when: str, told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        choices(ruled(when), BIG)


def test_one_line_makes_an_auto_model() -> None:
    assert choices(SMART, SMALL, BIG) == (Auto(("small", "big"), min_quality=0.7),)


def test_rules_are_asked_before_auto() -> None:
    first, then = choices({**SMART, "rules": [{"use": "big"}]}, SMALL, BIG)
    assert (type(first), type(then)) == (Rules, Auto)


@pytest.mark.parametrize(
    ("auto", "expected"),
    [
        ({"min_quality": 0.9}, Auto(("small", "big"), min_quality=0.9)),
        ({"good_answer_usd": 0.01}, Auto(("small", "big"), good_answer_usd=0.01)),
    ],
)
def test_auto_says_what_it_decides_by(auto: dict[str, Any], expected: Auto) -> None:
    assert choices({"name": "smart", "auto": {"models": ["small", "big"], **auto}}, SMALL, BIG) == (expected,)


@pytest.mark.parametrize(
    ("model", "told"),
    [
        ({"name": "smart", "auto": ["small"]}, "at least 2 items"),
        ({"name": "smart", "auto": ["small", "small"]}, "twice"),
        ({"name": "smart", "auto": {"models": ["small", "big"], "min_quality": 0.5, "good_answer_usd": 1}}, "either"),
        ({"name": "smart", "auto": {"models": ["small", "big"], "embedder": "minilm"}}, "embedder goes with predictor"),
        ({**BIG, "name": "smart", "auto": ["small", "big"]}, "auto has no targets"),
        ({"name": "smart", "rules": [{"use": "big"}]}, "targets is missing"),
    ],
)
def test_an_auto_model_that_cannot_be_meant_is_refused(model: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        choices(model, SMALL, BIG)


def fitted(path: Path, *models: str) -> str:
    rng = np.random.default_rng(1)
    signals = np.array([lexical.read(f"question {at}") for at in range(8)])
    vectors = rng.normal(size=(8, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = rng.random((8, len(models)))
    save(fit(Table(models, signals, vectors, scores, np.ones_like(scores)), {}, "e", rng), path)
    return str(path)


def test_a_predictor_is_read_when_the_config_is_taken(tmp_path: Path) -> None:
    file = fitted(tmp_path / "quality.npz", "big", "small", "third")
    auto = {"models": ["small", "big"], "predictor": file, "embedder": "minilm", "embed_within_s": 0.02}
    (term,) = choices({"name": "smart", "auto": auto}, SMALL, BIG, MINILM)
    assert isinstance(term, Auto)
    assert term.predictor is not None
    assert term.predictor.models == ("big", "small", "third")
    assert (term.embedder, term.embed_within_s) == ("minilm", 0.02)


def test_a_predictor_without_one_of_the_models_is_refused(tmp_path: Path) -> None:
    auto = {"models": ["small", "big"], "predictor": fitted(tmp_path / "quality.npz", "small", "third")}
    with pytest.raises(ConfigError, match=r"knows nothing of big, only of small, third"):
        choices({"name": "smart", "auto": auto}, SMALL, BIG)


def test_a_predictor_that_isnt_there_is_refused(tmp_path: Path) -> None:
    auto = {"models": ["small", "big"], "predictor": str(tmp_path / "gone.npz")}
    with pytest.raises(ConfigError, match=r"gone\.npz"):
        choices({"name": "smart", "auto": auto}, SMALL, BIG)


@pytest.mark.parametrize(
    ("models", "told"),
    [
        ([ruled("{}", "gone"), BIG], "no model 'gone' to answer"),
        ([ruled("{}", "small"), BIG], "would answer for itself"),
        ([ruled("{}", "minilm"), MINILM], "doesn't serve chat, completions"),
        ([{"name": "smart", "auto": ["small", "gone"]}, SMALL], "no model 'gone'"),
        ([{"name": "top", "auto": ["small", "smart"]}, SMART, SMALL, BIG], "has auto itself"),
        ([{**BIG, "fallbacks": {"any_error": ["smart"]}}, SMART, SMALL], "nothing could fall back to it"),
    ],
)
def test_a_choice_that_cannot_be_carried_out_is_an_error_in_the_check_and_in_the_router(
    models: list[dict[str, Any]], told: str
) -> None:
    assert any(told in problem.message and problem.severity == "error" for problem in found(*models))
    with pytest.raises(ConfigError, match=told):
        choices(*models)


def test_only_a_model_that_stays_in_the_cluster_embeds_prompts() -> None:
    far = {"name": "far-emb", "operations": ["embeddings"], "targets": [{"name": "e", "provider": "far", "model": "e"}]}
    auto = {"models": ["small", "big"], "predictor": "p.npz"}
    assert not found({"name": "smart", "auto": {**auto, "embedder": "minilm"}}, SMALL, BIG, MINILM)
    (problem,) = found({"name": "smart", "auto": {**auto, "embedder": "far-emb"}}, SMALL, BIG, MINILM, far)
    assert "isn't one of operations: [embeddings] whose targets are all pools" in problem.message
    assert problem.hint == "did you mean 'minilm'?" or "minilm" in problem.hint


@pytest.mark.parametrize(
    ("rules", "told"),
    [
        (["{}", "{tenant: a}"], "rule 2 is never reached: rule 1 takes all"),
        (["{tenant: [a, b]}", "{tenant: a, stream: true}"], "rule 2 is never reached"),
        (["{tenant: acme*}", "{tenant: acme-eu}"], "rule 2 is never reached"),
        (["{header: {x-a: '1'}}", "{header: {x-a: '1', x-b: '2'}}"], "rule 2 is never reached"),
        (["{prompt_tokens: {at_least: 5}}", "{prompt_tokens: {at_least: 9, at_most: 10}}"], "rule 2 is never reached"),
        (["{has: [tools]}", "{has: [tools, vision]}"], "rule 2 is never reached"),
        (["{tier: gold}"], "there is no tier 'gold'"),
        (["{model: other}"], "rule 1 never fits: whoever comes here has asked for 'small'"),
    ],
)
def test_a_rule_that_is_never_reached_is_told(rules: list[str], told: str) -> None:
    model = {**SMALL, "rules": [{"when": yaml.safe_load(rule), "use": "big"} for rule in rules]}
    (problem,) = found(model, BIG)
    assert told in problem.message
    assert problem.severity == "warning"


@pytest.mark.parametrize(
    "rules",
    [
        ["{tenant: a}", "{tenant: b}"],
        ["{tenant: a, share: 0.5}", "{tenant: a}"],
        ["{tenant: a}", "{}"],
        ["{tenant: a}", "{tenant: 'a*'}"],
        ["{prompt_tokens: {at_most: 5}}", "{prompt_tokens: {at_least: 2}}"],
        ["{prompt_tokens: {at_least: 5}}", "{prompt_tokens: {at_most: 9}}"],
        ["{header: {x-a: '1'}}", "{header: {x-a: '2'}}"],
        ["{has: [tools, vision]}", "{has: [tools]}"],
        ["{model: small}"],
        ["{tier: known}"],
    ],
)
def test_rules_that_some_request_reaches_are_left_alone(rules: list[str]) -> None:
    model = {**SMALL, "rules": [{"when": yaml.safe_load(rule), "use": "big"} for rule in rules]}
    assert found(model, BIG, tiers={"known": {}}) == []


def test_a_round_is_told_and_harmless() -> None:
    (one, other) = found(ruled("{tenant: a}"), {**BIG, "rules": [{"when": {"tenant": "b"}, "use": "small"}]})
    assert one.message.startswith("goes round: small → big → small")
    assert other.message.startswith("goes round: big → small → big")
    assert one.severity == "warning"
