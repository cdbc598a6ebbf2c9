"""LiteLLM's configs become cluster files that can be used; what is lost is told, and no secret comes out."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.golden.litellm.making import HERE, list_configs, make, name_made, write
from turnout.router.catalogue import Catalogue
from turnout.serve.config.check import check_text
from turnout.serve.config.cluster import RouterApplication
from turnout.serve.config.compile import compile_catalogue
from turnout.serve.config.document import read_document
from turnout.serve.config.overlay import Overlay
from turnout.serve.config.secret import Secrets
from turnout.serve.importing.litellm.convert import Imported, convert
from turnout.serve.importing.notes import Kind

CONFIGS = [pytest.param(path, id=path.stem) for path in list_configs()]
USABLE = [each for each in CONFIGS if each.id != "nothing"]


def imported(**sections: Any) -> Imported:
    """Of a config with one model, unless `sections` say otherwise."""
    model = {"model_name": "m", "litellm_params": {"model": "openai/gpt-4o"}}
    return convert(read_document(yaml.safe_dump({"model_list": [model], **sections})), {})


def compiled(made: Imported) -> Catalogue:
    """As a router with every variable set would have it."""
    assert made.cluster is not None
    router = next(each for each in made.cluster.applications if isinstance(each, RouterApplication))
    names = re.findall(r"env:(\w+)", write(made)[0])
    secrets = Secrets(dict.fromkeys(names, "a-secret-of-a-test"), "n")
    return compile_catalogue(router.user_config, Overlay(), "v", "127.0.0.1", secrets)


def told(made: Imported, kind: Kind = Kind.LEFT_OUT) -> list[str]:
    return [note.path for note in made.notes if note.kind is kind]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_config_becomes_what_is_written_down_for_it(config: Path) -> None:
    for path, content in zip(name_made(config), write(make(config)), strict=True):
        assert content == path.read_text(encoding="utf-8"), "python -m tests.golden.litellm.making writes it anew"


@pytest.mark.parametrize("config", USABLE)
def test_the_new_file_has_no_errors_and_a_router_can_use_it(config: Path) -> None:
    text, _ = write(make(config))
    assert [problem for problem in check_text(text, {}) if problem.severity == "error"] == []
    assert compiled(make(config)).models


def test_no_secret_is_in_the_new_file_or_in_a_note() -> None:
    assert "SECRET-" in (HERE / "secrets.yaml").read_text(encoding="utf-8")
    text, notes = write(make(HERE / "secrets.yaml"))
    assert "SECRET-" not in text + notes
    assert "env:OPENAI_API_KEY_2" in text


def test_where_nothing_can_be_converted_there_is_no_file_and_every_entry_says_why() -> None:
    made = make(HERE / "nothing.yaml")
    assert made.cluster is None
    assert told(made) == [f"model_list[{number}].litellm_params.model" for number in range(3)]


@pytest.mark.parametrize("section", ["router_settings", "litellm_settings", "general_settings"])
def test_a_setting_that_nobody_knows_is_told_and_not_lost(section: str) -> None:
    assert told(imported(**{section: {"of_tomorrow": 1}})) == [f"{section}.of_tomorrow"]
    assert told(imported(of_tomorrow=1)) == ["of_tomorrow"]
    entry = {"model_name": "m", "litellm_params": {"model": "openai/x", "a": 1}, "model_info": {"b": 2}, "c": 3}
    assert told(imported(model_list=[entry])) == [
        "model_list[0].c", "model_list[0].litellm_params.a", "model_list[0].model_info.b"
    ]  # fmt: skip


def test_the_same_name_twice_is_one_model_with_two_targets_and_their_shares() -> None:
    models = compiled(make(HERE / "balanced.yaml")).models
    assert [(target.name, target.weight) for target in models["chat"].targets] == [
        ("chat-openai", 3),
        ("chat-openrouter", 1),
    ]
    assert [target.weight for target in models["by-rate"].targets] == [3, 1]
    assert [target.name for target in models["by-order"].targets] == ["by-order-together-ai", "by-order-deepseek"]
    assert models["by-order"].routing.strategy == (("order", 1.0),)
    assert models["chat"].targets[0].input_price_pusd == 2_000_000


def test_the_routers_settings_win_over_the_modules_and_aliases_have_the_fallbacks_of_what_they_stand_for() -> None:
    models = compiled(make(HERE / "routing.yaml")).models
    assert models["main"].retries.same_target == 2
    assert models["main"].fallbacks == models["gpt-4"].fallbacks
    assert models["main"].fallbacks.context_window == ("long",)
    assert models["long"].fallbacks.any_error == ("backup",), "those of `*`"
    assert models["vectors"].fallbacks.any_error == (), "a chat model makes no vectors"
    assert models["main"].targets == models["gpt-4"].targets


def test_wildcards_stand_for_what_they_stood_for() -> None:
    catalogue = compiled(make(HERE / "wildcards.yaml"))
    for name, target, wildcard in (
        ("groq/llama", "groq", "llama"),
        ("openai/o3", "openai", "o3"),
        ("qwen/qwen3", "any-openrouter", "qwen/qwen3"),
        ("claude-x", "claude-ollama", "x"),
    ):
        route = catalogue.find(name)
        assert route is not None
        assert (route.targets[0].name, route.wildcard_of(name)) == (target, wildcard)


@pytest.mark.parametrize(
    ("params", "what"),
    [
        ({"model": "openai/x", "timeout": "soon"}, None),
        ({"model": "openai/x", "rpm": "os.environ/RPM"}, "model_list[0].litellm_params.rpm"),
        ({"model": "openai/x", "input_cost_per_token": 1.5e-13}, "model_list[0].litellm_params.input_cost_per_token"),
        ({"model": "openai/x", "input_cost_per_token": -1}, "model_list[0].litellm_params.input_cost_per_token"),
        ({"model": "openai/x", "region_name": "a b"}, "model_list[0].litellm_params.region_name"),
        ({"model": ["x"]}, "model_list[0]"),
        ("openai/x", "model_list[0]"),
    ],
)
def test_values_that_make_no_sense_are_told_and_break_nothing(params: Any, what: str | None) -> None:
    made = imported(model_list=[{"model_name": "m", "litellm_params": params}])
    assert what is None or what in told(made)


@pytest.mark.parametrize("content", [{}, [], "x", [1, "y", None], {"a": {"b": []}}])
@pytest.mark.parametrize(
    "section",
    [
        "model_list",
        "router_settings",
        "litellm_settings",
        "general_settings",
        "credential_list",
        "environment_variables",
    ],
)
def test_sections_of_another_shape_break_nothing(section: str, content: Any) -> None:
    assert imported(**{section: content}).notes is not None
