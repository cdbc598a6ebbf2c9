"""Writes the cluster file of the gateway that is measured: router, control, and remote models whose upstreams are mocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

KEYS_VARIABLE = "TURNOUT_BENCH_KEYS"
UPSTREAM_KEY_VARIABLE = "TURNOUT_BENCH_UPSTREAM_KEY"

STRATEGY = "power_of_two"
"""Of models that don't say another: what a request costs before anything is predicted."""


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """
    A public model name with one upstream behind it.

    Attributes:
        name: what clients ask for.
        base_url: of the upstream, with `/v1`.
        upstream_model: what the upstream calls it.
        ca_file: for an https upstream whose certificate is our own.
        provider: what the upstream is called; models of one name share it. The model's own name unless given.
        settings: more of the model, as the cluster file has it: timeouts, fallbacks.
        target: more of its target: the breaker.
    """

    name: str
    base_url: str
    upstream_model: str
    ca_file: Path | None = None
    provider: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provider_name(self) -> str:
        """What the cluster file calls the upstream."""
        return self.provider or self.name

    def to_entry(self) -> dict[str, Any]:
        """Its entry among the cluster file's models."""
        target = {"name": self.name, "provider": self.provider_name, "model": self.upstream_model, **self.target}
        return {"name": self.name, "targets": [target], "strategy": STRATEGY, **self.settings}


@dataclass(frozen=True, slots=True)
class PoolModel:
    """
    A public model name served by replicas inside the cluster.

    Attributes:
        name: what clients ask for.
        pool: the application's name, too.
        application: its import path.
        args: of the application.
        settings: more of the model.
        target: more of its target.
    """

    name: str
    pool: str
    application: str
    args: Mapping[str, Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)

    def to_entry(self) -> dict[str, Any]:
        """Its entry among the cluster file's models."""
        target = {"name": f"{self.name}-local", "pool": self.pool, **self.target}
        return {"name": self.name, "targets": [target], "strategy": STRATEGY, **self.settings}


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
        pools: models served inside the cluster; those of one pool share its application.
    """

    models: Sequence[RemoteModel]
    port: int
    admin_port: int
    state_dir: Path
    replicas: int = 1
    drain_s: float = 60.0
    pools: Sequence[PoolModel] = ()

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
                *_pool_applications(self.pools),
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
            **describe_models([*self.models, *self.pools], f"env:{UPSTREAM_KEY_VARIABLE}"),
        }


def describe_models(models: Sequence[RemoteModel | PoolModel], upstream_key: str) -> dict[str, Any]:
    """What a cluster file's `user_config` says of these models; `upstream_key` is a reference to the key of every remote one."""
    remote = [model for model in models if isinstance(model, RemoteModel)]
    return {
        "providers": {model.provider_name: _provider(model, upstream_key) for model in remote},
        "models": [model.to_entry() for model in models],
    }


def _application(name: str, arguments: Mapping[str, Any], import_path: str = "") -> dict[str, Any]:
    path = import_path or f"turnout.serve.apps:{name}"
    return {"name": name, "route_prefix": None, "import_path": path, "args": dict(arguments)}


def _pool_applications(pools: Sequence[PoolModel]) -> list[dict[str, Any]]:
    by_name = {model.pool: model for model in pools}
    return [_application(name, model.args, model.application) for name, model in by_name.items()]


def _provider(model: RemoteModel, key: str) -> dict[str, Any]:
    trust = {"ca_file": str(model.ca_file)} if model.ca_file else {}
    return {"kind": "openai_compatible", "base_url": model.base_url, "api_key": key, **trust}
