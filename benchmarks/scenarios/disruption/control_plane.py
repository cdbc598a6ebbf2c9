"""What clients lose when settings change, and when Serve's controller dies: neither carries a request, so nothing."""

import os
import signal
import time
import urllib.error
import urllib.request
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Findings
from turnout.benchmarks.gateways.cluster import Gateway, GatewayFailed
from turnout.benchmarks.gateways.cluster_file import ClusterConfig
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.disruption.under_load import PACE, disturb
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

RELOADS = 4
ASKED_TIMES = 20
PATIENCE_S = 60.0


def measure_config_reload(setup: Setup) -> Findings:
    """`lost_in_config_reload`: the cluster file applied with another model each time, and a weight changed by an administrator between."""
    gateway = _own_gateway(setup)

    def reload() -> None:
        for number in range(RELOADS):
            _deploy_until_served(gateway, setup.turnout, with_model(gateway.config, f"reloaded-{number}"))
            _change_weight(gateway, 1.0 + number)

    setup.upstream.set_pace(PACE)
    _, losses = disturb(setup, setup.turnout, reload)
    gateway.deploy(gateway.config)
    remark = f"{RELOADS} changes of the file and {RELOADS} of a weight"
    return Findings([losses.to_finding("lost_in_config_reload", remark)], {"config_reload": losses.samples})


def measure_controller_kill(setup: Setup) -> Findings:
    """`lost_while_controller_restarts`: kill -9, and the route must still take changes afterwards."""
    gateway = _own_gateway(setup)

    def kill() -> float:
        killed_at = time.monotonic()
        _replace_controller(gateway)
        _deploy_until_served(gateway, setup.turnout, with_model(gateway.config, "after-the-controller"))
        return time.monotonic() - killed_at

    setup.upstream.set_pace(PACE)
    took_s, losses = disturb(setup, setup.turnout, kill)
    gateway.deploy(gateway.config)
    remark = f"a change was in force {took_s:.1f} s after the kill"
    return Findings([losses.to_finding("lost_while_controller_restarts", remark)], {"controller_kill": losses.samples})


def with_model(config: ClusterConfig, name: str) -> ClusterConfig:
    """The same, and its first model under one more name."""
    return replace(config, models=[*config.models, replace(config.models[0], name=name)])


def _own_gateway(setup: Setup) -> Gateway:
    if setup.gateway is None:
        raise NotMeasurable("only a gateway that this run started may be changed")
    return setup.gateway


def _deploy_until_served(gateway: Gateway, subject: Subject, config: ClusterConfig) -> None:
    """Apply it, and wait until every new connection, whichever replica it comes to, is offered the last model."""
    gateway.deploy(config)
    deadline = time.monotonic() + PATIENCE_S
    in_a_row = 0
    while in_a_row < ASKED_TIMES:
        if time.monotonic() > deadline:
            raise GatewayFailed(f"model {config.models[-1].name} isn't served after {PATIENCE_S:.0f} s")
        in_a_row = in_a_row + 1 if config.models[-1].name in _list_models(subject) else 0


def _list_models(subject: Subject) -> str:
    request = urllib.request.Request(
        f"{subject.base_url}/models", headers={"authorization": f"Bearer {subject.api_key}", "connection": "close"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return str(answer.read(), "utf-8")


def _change_weight(gateway: Gateway, weight: float) -> None:
    key = (gateway.config.state_dir / "admin.key").read_text().strip()
    url = f"http://127.0.0.1:{gateway.config.admin_port}/admin/targets/{gateway.config.models[0].name}"
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(url, msgspec.json.encode({"weight": weight}), headers, method="PUT")
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        raise GatewayFailed(f"PUT {url}: {error.status} {error.read()[:200]!r}") from error


def _replace_controller(gateway: Gateway) -> None:
    old = gateway.find_controller()
    if old is None:
        raise GatewayFailed("Serve has no controller")
    os.kill(old.pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE_S
    while (new := gateway.find_controller()) is None or new.pid == old.pid:
        if time.monotonic() > deadline:
            raise GatewayFailed(f"Serve has no new controller after {PATIENCE_S:.0f} s")
        time.sleep(0.1)
