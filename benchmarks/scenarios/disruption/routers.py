"""What clients lose when the router is updated, and when one of its replicas is killed, under load."""

import os
import re
import signal
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway, GatewayFailed
from turnout.benchmarks.load.plan import LoadResult
from turnout.benchmarks.scenarios.disruption.under_load import (
    AFTER_S,
    BEFORE_S,
    CONNECTIONS,
    LONGEST_S,
    PACE,
    disturb,
)
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

REPLICAS = 2
REPLACED_S = 30.0


def measure_disruption(setup: Setup) -> Findings:
    """`lost_in_rolling_update` and `lost_beyond_in_flight_on_kill`, with two replicas."""
    if setup.gateway is None:
        raise NotMeasurable("only a gateway that this run started may be updated and killed")
    setup.upstream.set_pace(PACE)
    gateway = setup.gateway.redeploy(
        replace(setup.gateway.config, replicas=REPLICAS, drain_s=setup.gateway.config.drain_s + 1)
    )
    newer = replace(gateway.config, drain_s=gateway.config.drain_s + 1)
    updated, losses = disturb(setup, setup.turnout, lambda: gateway.redeploy(newer))
    killed, held_count, beyond = _kill_under_load(setup, updated)
    in_flight = killed.failed - beyond
    values = [
        losses.to_finding("lost_in_rolling_update"),
        Finding(
            "lost_beyond_in_flight_on_kill",
            beyond,
            f"{in_flight} in flight on it of {killed.sent} requests; it held {held_count} of {CONNECTIONS}",
        ),
    ]
    return Findings(values, {"rolling_update": losses.samples, "kill": msgspec.to_builtins(killed)})


def measure_router_kill(setup: Setup) -> Findings:
    """`lost_beyond_in_flight_on_router_kill`: kill -9 of one of two replicas, under whole answers and streams."""
    gateway = setup.gateway
    if gateway is None or gateway.config.replicas < REPLICAS:
        raise NotMeasurable("only where this run started two routers")
    setup.upstream.set_pace(PACE)
    (killed_ns, held), losses = disturb(setup, setup.turnout, lambda: _kill(setup, gateway))
    beyond = count_beyond_in_flight((losses.unary, losses.streams), killed_ns, held)
    in_flight = losses.unary.failed + losses.streams.failed - beyond
    remark = f"{in_flight} in flight on it of {losses.unary.sent} requests and {losses.streams.sent} streams; it held {held} of {2 * CONNECTIONS}"
    finding = Finding("lost_beyond_in_flight_on_router_kill", beyond, remark)
    return Findings([finding], {"router_kill": losses.samples})


def wait_for_routers(port: int, count: int, within_s: float) -> None:
    """
    Returns when so many routers answer: /metrics has the numbers of all that do.

    Raises:
        GatewayFailed: they don't in time.
    """
    deadline = time.monotonic() + within_s
    found = -1
    while found != count:
        if time.monotonic() > deadline:
            raise GatewayFailed(f"not {count} routers answer after {within_s:.0f} s")
        time.sleep(0.1)
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
                found = len(set(re.findall(rb'replica="([^"]+)"', answer.read())))
        except OSError:
            continue


def _kill_under_load(setup: Setup, gateway: Gateway) -> tuple[LoadResult, int, int]:
    plan = setup.turnout.aim(replace(setup.unary(setup.turnout), connections=CONNECTIONS, duration_s=LONGEST_S))
    with setup.client.start(plan) as load:
        time.sleep(BEFORE_S)
        killed_ns, held = _kill(setup, gateway)
        time.sleep(AFTER_S)
        load.stop()
        result = load.wait()
    return result, held, count_beyond_in_flight((result,), killed_ns, held)


def _kill(setup: Setup, gateway: Gateway) -> tuple[int, int]:
    """Kills a router and waits until it's replaced; returns when, in ns, and how many connections it held."""
    victim = setup.randomness.choice(gateway.find_replicas("router"))
    held = count_connections(victim.pid, gateway.config.port)
    killed_ns = time.monotonic_ns()
    os.kill(victim.pid, signal.SIGKILL)
    gateway.wait_for_replicas(REPLICAS - 1, REPLACED_S)
    gateway.wait_for_replicas(REPLICAS, REPLACED_S)
    return killed_ns, held


def count_beyond_in_flight(results: Sequence[LoadResult], killed_ns: int, held: int) -> int:
    """
    Failed requests that weren't in flight on the killed replica.

    One that was had its connection cut, and that had been opened before the kill; each connection carries one request at a time, so that no more than
    `held` can have been in flight, and none twice on the same connection.
    """
    in_flight = {
        (number, failure.opened_ns)
        for number, result in enumerate(results)
        for failure in result.failures
        if failure.kind == "lost" and failure.opened_ns < killed_ns
    }
    return sum(result.failed for result in results) - min(len(in_flight), held)


def count_connections(pid: int, port: int) -> int:
    """Established connections to `port` of this machine that a process holds."""
    inodes = set()
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            link = os.readlink(f"/proc/{pid}/fd/{descriptor}")
        except OSError:
            continue
        if link.startswith("socket:["):
            inodes.add(link[8:-1])
    count = 0
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            for fields in map(str.split, list(lines)[1:]):
                count += fields[3] == "01" and fields[9] in inodes and int(fields[1].rpartition(":")[2], 16) == port
    return count
