"""What clients lose when a node with a router and an engine on it is drained, and then taken away."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import KEY, GatewayFailed
from turnout.benchmarks.gateways.cluster_file import (
    KEYS_VARIABLE,
    UPSTREAM_KEY_VARIABLE,
    ClusterConfig,
    PoolModel,
    RemoteModel,
)
from turnout.benchmarks.gateways.nodes import RESOURCE, Node, Nodes, start_nodes
from turnout.benchmarks.load.upstream import MODEL, start_upstream
from turnout.benchmarks.ports import free_port
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.disruption.engines import POOL, scripted_pool
from turnout.benchmarks.scenarios.disruption.routers import REPLICAS, wait_for_routers
from turnout.benchmarks.scenarios.disruption.under_load import PACE, disturb
from turnout.benchmarks.scenarios.setup import Setup
from turnout.serve.cli.serve_run import serve_command

START_S = 120.0
DRAINED_S = 110.0
STOP_S = 20.0
KEYS = {KEYS_VARIABLE: KEY, UPSTREAM_KEY_VARIABLE: "sk-upstream"}
ON_AN_EDGE = {"resources": {RESOURCE: 0.1}, "max_replicas_per_node": 1}
"""A router and an engine on each of two nodes, and their successors on a third: all nodes share one machine, so one port."""


def measure_node_drain(setup: Setup) -> Findings:
    """`lost_on_node_drain`: on a cluster of its own with several local nodes; a successor is there before each drain begins."""
    with start_upstream() as upstream, _folder() as folder, start_nodes(folder, KEYS) as nodes:
        config = ClusterConfig(
            [RemoteModel(MODEL, upstream.base_url, MODEL)],
            free_port(),
            free_port(),
            folder / "state",
            REPLICAS,
            pools=[_pool_on_edges()],
        )
        workers = [nodes.add_worker() for _ in range(REPLICAS)]
        with _serve(nodes, config, folder):
            ground = replace(setup, upstream=upstream, gateway=None, turnout=_subject(config, MODEL))
            return _drain_under_load(ground, nodes, workers, config)


def _drain_under_load(setup: Setup, nodes: Nodes, workers: Sequence[Node], config: ClusterConfig) -> Findings:
    setup.upstream.set_pace(PACE)
    engines = replace(setup, expected='"choices"')
    took_s, remote = disturb(setup, setup.turnout, lambda: _drain(nodes, workers[0]))
    also_s, local = disturb(engines, _subject(config, POOL), lambda: _drain(nodes, workers[1]))
    lost = remote.to_finding("lost_on_node_drain", f"drained in {took_s:.1f} s, then taken away")
    lost_local = local.to_finding("", f"drained in {also_s:.1f} s, then taken away")
    assert lost.value is not None
    assert lost_local.value is not None
    finding = Finding(
        lost.name, lost.value + lost_local.value, f"remote model {lost.remark}; scripted engines {lost_local.remark}"
    )
    return Findings([finding], {"node_drain": [remote.samples, local.samples]})


def _drain(nodes: Nodes, node: Node) -> float:
    """Adds a successor, drains the node, waits until Serve has moved everything off it, ends it; seconds until it was empty."""
    nodes.add_worker()
    began = time.monotonic()
    nodes.drain(node)
    while node.has_replicas:
        if time.monotonic() > began + DRAINED_S:
            raise GatewayFailed(f"the node still has replicas {DRAINED_S:.0f} s after its drain began")
        time.sleep(0.2)
    took_s = time.monotonic() - began
    node.kill()
    return took_s


@contextmanager
def _serve(nodes: Nodes, config: ClusterConfig, folder: Path) -> Iterator[None]:
    file = folder / "cluster.yaml"
    file.write_text(place_on_edges(config))
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [*serve_command(file), "--address", nodes.address],
            env=nodes.environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    try:
        wait_for_routers(config.port, REPLICAS, START_S)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def place_on_edges(config: ClusterConfig) -> str:
    """The cluster file's text, its routers on worker nodes, one on each."""
    document: dict[str, Any] = yaml.safe_load(config.to_yaml())
    router = next(each for each in document["applications"] if each["name"] == "router")
    router["args"] |= ON_AN_EDGE
    return yaml.safe_dump(document, sort_keys=False)


def _pool_on_edges() -> PoolModel:
    pool = scripted_pool()
    return replace(pool, args={**pool.args, **ON_AN_EDGE})


def _subject(config: ClusterConfig, model: str) -> Subject:
    return Subject("turnout", f"http://127.0.0.1:{config.port}/v1", model, KEY)


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="tn-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
