"""How soon a client is told no by a model whose slots and line are full."""

import statistics
import time
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.scenarios.disruption.under_load import BEFORE_S
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

MODEL = "narrow"
REFUSALS = 10_000
HOLDERS = 16
REFUSED_CONNECTIONS = 8
HELD = Pace(delay_ms=60_000.0)


def narrow_model(base_url: str, upstream_model: str) -> RemoteModel:
    """One request at a time from each router, and nobody waits."""
    return RemoteModel(MODEL, base_url, upstream_model, settings={"max_in_flight": 1, "max_waiting": 0})


def measure_refusals(setup: Setup) -> Findings:
    """`refusal_p99_ms`: 10,000 requests over 8 connections while the slots are held; the first 1,000 are timed by the client."""
    if setup.gateway is None or MODEL not in {model.name for model in setup.gateway.config.models}:
        raise NotMeasurable("only where this run configured the gateway")
    setup.upstream.set_pace(HELD)
    subject = setup.gateway.subject(MODEL)
    plan = subject.aim(setup.unary(subject))
    with setup.client.start(replace(plan, connections=HOLDERS, duration_s=BEFORE_S / 2, give_up_s=60.0)):
        time.sleep(BEFORE_S)
        result = setup.client.run(replace(plan, connections=REFUSED_CONNECTIONS, requests=REFUSALS, give_up_s=60.0))
    times_ms = sorted((failure.failed_ns - failure.planned_ns) / 1e6 for failure in result.failures)
    if result.bad_status < REFUSALS or len(times_ms) < 100:
        return Findings([Finding("refusal_p99_ms", None, f"not all were refused: {result.describe_failures()}")])
    p99_ms = times_ms[int(len(times_ms) * 0.99)]
    remark = f"{result.describe_failures()} in {result.elapsed_s:.1f} s; p50 {statistics.median(times_ms):.1f}, longest {times_ms[-1]:.1f}"
    return Findings([Finding("refusal_p99_ms", p99_ms, remark)], {"refusals": msgspec.to_builtins(result)})
