"""Writes the cluster file of the gateway that is measured: router, control, and remote models whose upstreams are mocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

KEYS_VARIABLE = "TURNOUT_BENCH_KEYS"
UPSTREAM_KEY_VARIABLE = "TURNOUT_BENCH_UPSTREAM_KEY"


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """
    A public model name with one upstream behind it.

    Attributes:
        name: what clients ask for.
        base_url: of the upstream, with `/v1`.
        upstream_model: what the upstream calls it.
        ca_file: for an https upstream whose certificate is our own.
    """

    name: str
    base_url: str
    upstream_model: str
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """
    What the gateway is started with.

    Attributes:
        models: at least one.
        port: of the route, on 127.0.0.1.
        admin_port: of Control's admin routes.
        state_dir: Control's.
        replicas: of the router.
        drain_s: of the router; a new value is a new version, which Serve rolls out.
    """

    models: Sequence[RemoteModel]
    port: int
    admin_port: int
    state_dir: Path
    replicas: int = 1
    drain_s: float = 60.0

    def to_yaml(self) -> str:
        """The cluster file's text."""
        control = {"state_dir": str(self.state_dir), "admin_port": self.admin_port}
        router = {
            "host": "127.0.0.1",
            "port": self.port,
            "replicas": {"min": self.replicas, "max": self.replicas},
            "num_cpus": 0.1,  # what Ray sets aside, not a limit: a surge of two replicas must fit on two cores
            "drain_s": self.drain_s,
        }
        document = {
            "proxy_location": "Disabled",
            "applications": [
                _application("control", control),
                {
                    **_application("router", router),
                    "deployments": [{"name": "Router", "user_config": self._user_config()}],
                },
            ],
        }
        return yaml.safe_dump(document, sort_keys=False)

    def _user_config(self) -> dict[str, Any]:
        return {
            "auth": {"keys": f"env:{KEYS_VARIABLE}"},
            "providers": {model.name: _provider(model) for model in self.models},
            "models": [
                {
                    "name": model.name,
                    "targets": [{"name": model.name, "provider": model.name, "model": model.upstream_model}],
                }
                for model in self.models
            ],
        }


def _application(name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "route_prefix": None, "import_path": f"turnout.serve.apps:{name}", "args": dict(arguments)}


def _provider(model: RemoteModel) -> dict[str, Any]:
    trust = {"ca_file": str(model.ca_file)} if model.ca_file else {}
    return {"kind": "openai_compatible", "base_url": model.base_url, "api_key": f"env:{UPSTREAM_KEY_VARIABLE}", **trust}
