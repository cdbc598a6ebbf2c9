"""The configs that README.md and docs/routing.md show for rules and `auto` are accepted, and do what is said beside them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.fakes import FakeOut, FakeUpstream, answers
from tests.gateways import ANSWER, Rig
from turnout.serve.config.choice_soundness import check_choices
from turnout.serve.config.compile import compile_catalogue
from turnout.serve.config.dynamic import DynamicConfig
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.part import Part
from turnout.serve.config.secret import Secrets

ROOT = Path(__file__).parents[4]
README = (ROOT / "README.md").read_text()
PAGE = (ROOT / "docs" / "routing.md").read_text()
LONG = "Prove by induction that $1^3 + 2^3 + ... + n^3 = (n(n+1)/2)^2$ and find it for n = 12345. " * 10


def block(text: str, after: str) -> Any:
    """The first piece of YAML after these words."""
    found = re.search(r"```yaml\n(.*?)```", text[text.index(after) :], re.DOTALL)
    assert found is not None
    return yaml.safe_load(found[1])


def settings(models: list[dict[str, Any]]) -> dict[str, Any]:
    """A config with these models, and the others that they name."""
    named = {rule["use"] for model in models for rule in model.get("rules", ())}
    named -= {model["name"] for model in models}
    others = [{"name": name, "targets": [{"name": f"{name}-1", "pool": name}]} for name in sorted(named)]
    providers = {name: {"base_url": "https://far.example/v1"} for name in ("acme", "openai")}
    tiers: dict[str, Any] = {"trial": {}}
    return {
        "auth": {"open_on_loopback": True},
        "providers": providers,
        "tiers": tiers,
        "models": [*models, *others],
    }


def rig(models: list[dict[str, Any]]) -> Rig:
    document = settings(models)
    assert [str(problem) for _, problem in check_choices(Part((), document))] == []
    config = DynamicConfig.model_validate(document)
    catalogue = compile_catalogue(config, Overlay(), "v", "127.0.0.1", Secrets({}, "node"))
    pools = {target.pool: ("a",) for route in catalogue.models.values() for target in route.targets if target.pool}
    return Rig(FakeUpstream(answers(ANSWER)), catalogue, pools=pools)


async def ask(line: Rig, model: str, question: str = "hi", **headers: str) -> FakeOut:
    body = {"model": model, "messages": [{"role": "user", "content": question}]}
    out = await line.post(json.dumps(body).encode(), **headers)
    assert out.status == 200, out.body
    return out


@pytest.mark.parametrize("text", [README, PAGE], ids=["README.md", "docs/routing.md"])
async def test_complex_requests_go_to_the_stronger_model_and_simple_ones_to_the_cheaper(text: str) -> None:
    line = rig(block(text, "omplex requests to a stronger model, simple ones to a cheaper one")["models"])
    assert (await ask(line, "smart", "What is the capital of France?")).headers[b"x-turnout-target"] == b"here"
    assert (await ask(line, "smart", LONG)).headers[b"x-turnout-target"] == b"there"


async def test_the_pages_rules_choose_as_they_say() -> None:
    line = rig(block(PAGE, "## Rules")["models"])
    line.clock.at_s = 1_795_521_600.0  # Tuesday, 2026-11-24, 12:00 UTC
    asked = [
        ({"x_app": "batch"}, "hi", b"rule_1", b"small-1"),
        ({}, "x" * 130_000, b"rule_3", b"long-1"),
        ({"x_turnout_task": "legal"}, "hi", b"rule_5", b"tuned-for-law-1"),
        ({}, "東京の天気はどうですか", b"rule_6", b"big-1"),
        ({}, "hi", b"only", b"here"),
    ]
    for headers, question, reason, target in asked:
        out = await ask(line, "chat", question, **headers)
        assert (out.headers[b"x-turnout-route-reason"], out.headers[b"x-turnout-target"]) == (reason, target)
    line.clock.at_s += 12 * 3600
    assert (await ask(line, "chat")).headers[b"x-turnout-route-reason"] == b"rule_4"


def test_the_pages_auto_settings_are_known() -> None:
    (model,) = block(PAGE, "a fitted predictor](#quality) knows better")
    minilm = {"name": "minilm", "operations": ["embeddings"], "targets": [{"name": "emb", "pool": "minilm"}]}
    others = [{"name": name, "targets": [{"name": name, "pool": name}]} for name in ("small", "tuned-for-law", "big")]
    document = settings([model, *others, minilm])
    auto = DynamicConfig.model_validate(document).models[0].auto
    assert auto is not None
    assert (auto.embedder, auto.embed_within_s, auto.min_quality) == ("minilm", 0.05, 0.8)
    assert list(check_choices(Part((), document))) == []


def test_defaults_that_the_page_tells_are_the_codes() -> None:
    from turnout.router.choose.weighing import STRONGEST, WEAKEST

    assert f"({WEAKEST} for the first and {STRONGEST} for the last" in PAGE
