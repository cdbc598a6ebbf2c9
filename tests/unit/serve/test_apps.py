"""The builders that cluster files name."""

import inspect

import pytest
from pydantic import BaseModel

from turnout.serve import apps
from turnout.serve.config.arguments import (
    ControlArgs,
    EmbedderArgs,
    EngineArgs,
    ProviderArgs,
    RouterArgs,
    ScriptedEngineArgs,
)
from turnout.serve.config.cluster import KINDS
from turnout.serve.config.secret import ConfigError

ARGS: dict[str, BaseModel] = {
    "engine": EngineArgs(model="."),
    "scripted_engine": ScriptedEngineArgs(),
    "embedder": EmbedderArgs(model="."),
    "control": ControlArgs.model_validate({"state_dir": "~/state"}),
    "router": RouterArgs(),
    "provider": ProviderArgs(base_url="https://far.example/v1"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_has_a_builder_whose_arguments_serve_parses(kind: str) -> None:
    (parameter,) = inspect.signature(getattr(apps, kind)).parameters.values()
    assert parameter.annotation is type(ARGS[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_builder_makes_the_deployment_that_the_cluster_file_calls_by_name(kind: str) -> None:
    names = {"scripted_engine": "Engine"}  # routers find it as they find engines
    assert getattr(apps, kind)(ARGS[kind])._bound_deployment.name == names.get(kind, kind.capitalize())


@pytest.mark.parametrize("kind", KINDS)
def test_no_application_is_built_where_serve_would_put_its_ingress_back(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_SERVE_ENABLE_HA_PROXY", "1")
    with pytest.raises(ConfigError, match="unset RAY_SERVE_ENABLE_HA_PROXY"):
        getattr(apps, kind)(ARGS[kind])


def test_control_is_never_doubled_not_even_while_it_is_replaced() -> None:
    deployment = apps.control(ARGS["control"])._bound_deployment
    config = deployment._deployment_config
    assert (config.num_replicas, config.max_surge_percent) == (1, 0)
