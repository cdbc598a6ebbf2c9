"""What clients lose when a replica of an engine pool is killed in the middle of its answers and another is left."""

import os
import signal
import urllib.request
from dataclasses import replace

from turnout.benchmarks.findings import Findings
from turnout.benchmarks.gateways.cluster import Gateway
from turnout.benchmarks.gateways.cluster_file import PoolModel
from turnout.benchmarks.scenarios.disruption.under_load import PACE, disturb
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

POOL = "scripted"
REPLICAS = 2
REPLACED_S = 30.0


def scripted_pool() -> PoolModel:
    """Two replicas of one scripted model, in which each can go on where another ended."""
    latency = {"ttft_s": PACE.delay_ms / 1e3, "tokens_per_s": 1e3 / PACE.gap_ms}
    model = {"latency": latency, "text": {"kind": "lorem", "tokens": PACE.chunks}}
    args = {"script": {"models": {POOL: model}}, "replicas": {"min": REPLICAS, "max": REPLICAS}, "num_cpus": 0.1}
    return PoolModel(POOL, POOL, "turnout.serve.apps:scripted_engine", args)


def measure_engine_kill(setup: Setup) -> Findings:
    """`lost_on_engine_kill`: kill -9 of one of two replicas, whole answers and streams alike."""
    gateway = setup.gateway
    if gateway is None or POOL not in {pool.name for pool in gateway.config.pools}:
        raise NotMeasurable("only where this run started the engines")

    def kill() -> None:
        victim = setup.randomness.choice(gateway.find_replicas(POOL))
        os.kill(victim.pid, signal.SIGKILL)
        gateway.wait_for_replicas(REPLICAS - 1, REPLACED_S, POOL)
        gateway.wait_for_replicas(REPLICAS, REPLACED_S, POOL)

    scripted = replace(setup, expected='"choices"')
    before = _count_continued(gateway)
    _, losses = disturb(scripted, gateway.subject(POOL), kill)
    remark = f"{_count_continued(gateway) - before:.0f} streams went on elsewhere"
    return Findings([losses.to_finding("lost_on_engine_kill", remark)], {"engine_kill": losses.samples})


def _count_continued(gateway: Gateway) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.config.port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("turnout_continuations_total{"))
