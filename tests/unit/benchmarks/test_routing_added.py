"""What `balanced` adds is measured between two models that differ in their strategy only."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from turnout.benchmarks.gateways.cluster_file import describe_models as describe_cluster
from turnout.benchmarks.load.upstream import Upstream
from turnout.benchmarks.scenarios.routing.added import BALANCED, ENDPOINTS, REFERENCE, describe_models
from turnout.benchmarks.scenarios.routing.assembly import Options, plan_steps
from turnout.serve.config.dynamic import DynamicConfig


def test_both_models_have_the_same_targets() -> None:
    upstream = cast("Upstream", SimpleNamespace(base_url="http://127.0.0.1:1/v1"))
    models: dict[str, Any] = describe_cluster(describe_models(upstream), "env:KEY")
    config = DynamicConfig.model_validate({"auth": {"open_on_loopback": True}, **models})
    balanced, plain = config.models
    assert (balanced.name, balanced.strategy) == (BALANCED, "balanced")
    assert (plain.name, plain.strategy) == (REFERENCE, "power_of_two")
    assert balanced.targets == plain.targets
    assert len(balanced.targets) == ENDPOINTS


def test_a_quick_run_has_it() -> None:
    steps = plan_steps(Options(is_quick=True, seed=1, data=Path()))
    assert ("added_us_balanced",) in [step.figures for step in steps]
