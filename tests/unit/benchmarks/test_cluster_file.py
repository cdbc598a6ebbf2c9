"""The generated cluster file is one that `turnout check` accepts."""

from pathlib import Path

import pytest
import yaml

from turnout.benchmarks.gateways.cluster_file import KEYS_VARIABLE, UPSTREAM_KEY_VARIABLE, ClusterConfig, RemoteModel
from turnout.serve.config.check import check_file

ENVIRONMENT = {KEYS_VARIABLE: "sk-test-clients", UPSTREAM_KEY_VARIABLE: "sk-test-upstream"}


def config(tmp_path: Path, **changes: object) -> ClusterConfig:
    models = [RemoteModel("mock", "http://127.0.0.1:9100/v1", "mock")]
    return ClusterConfig(**{"models": models, "port": 8123, "admin_port": 8124, "state_dir": tmp_path, **changes})


@pytest.mark.parametrize("replicas", [1, 2])
def test_it_has_no_problems(tmp_path: Path, replicas: int) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(config(tmp_path, replicas=replicas).to_yaml())
    assert [str(problem) for problem in check_file(file, ENVIRONMENT) if problem.severity == "error"] == []


def test_its_secrets_are_references(tmp_path: Path) -> None:
    assert "sk-" not in config(tmp_path).to_yaml()


def test_another_drain_time_changes_what_serve_takes_for_a_version(tmp_path: Path) -> None:
    def router_args(text: str) -> dict[str, object]:
        return next(app["args"] for app in yaml.safe_load(text)["applications"] if app["name"] == "router")

    assert router_args(config(tmp_path).to_yaml()) != router_args(config(tmp_path, drain_s=61.0).to_yaml())


def test_a_tls_upstream_is_trusted_by_its_file(tmp_path: Path) -> None:
    model = RemoteModel("mock-tls", "https://127.0.0.1:9101/v1", "mock", tmp_path / "certificate.pem")
    assert str(tmp_path / "certificate.pem") in config(tmp_path, models=[model]).to_yaml()
