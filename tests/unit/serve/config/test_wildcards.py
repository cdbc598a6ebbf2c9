"""Names that end in `*` in the cluster file: where they may stand, and what they stand for."""

from typing import Any

import pytest

from tests.unit.serve.config.test_resilience import check, compiled, settings
from turnout.serve.config.secret import ConfigError


def starred(name: str) -> dict[str, Any]:
    """Settings whose first model is called so and whose target's model is `org-*`."""
    content = settings({"name": name})
    content["models"][0]["targets"][0]["model"] = "org-*"
    return content


def test_a_name_that_ends_in_a_star_stands_for_others_and_so_does_its_targets_model() -> None:
    catalogue = compiled(starred("far/*"))
    found = catalogue.find("far/small")
    assert found is not None
    assert (found.name, found.targets[0].model, list(catalogue.exact)) == ("far/*", "org-*", ["large"])


@pytest.mark.parametrize("name", ["a*b", "**", "*a", "/*"])
def test_a_star_stands_at_the_end_of_a_name_only(name: str) -> None:
    assert [problem.path for problem in check(settings({"name": name}))][:1] == [
        "applications[2].deployments[0].user_config.models[0].name"
    ]


def test_a_targets_star_needs_one_in_the_public_name() -> None:
    (problem,) = check(starred("small"))
    assert "nothing in 'small' could stand for its `*`" in problem.message


def test_a_fallback_may_be_a_name_that_only_a_star_stands_for() -> None:
    content = settings({"fallbacks": {"any_error": ["far/one"]}})
    content["models"][1]["name"] = "far/*"
    assert check(content) == []
    assert compiled(content).models["small"].fallbacks.any_error == ("far/one",)
    content["models"][1]["operations"] = ["embeddings"]
    assert "doesn't serve chat" in check(content)[0].message
    with pytest.raises(ConfigError, match="doesn't serve chat"):
        compiled(content)


@pytest.mark.parametrize(
    ("allowed", "is_known"), [("large", True), ("far/*", True), ("far/x", True), ("*", True), ("near/*", False)]
)
def test_a_tier_may_name_models_and_beginnings_of_models(allowed: str, is_known: bool) -> None:
    content = settings({"name": "far/*"}) | {"tiers": {"dev": {"models": [allowed]}}}
    assert (check(content) == []) is is_known
