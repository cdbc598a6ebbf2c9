"""What the gateway takes by being there: memory of its replicas, and what the cluster around it costs when nothing happens."""

import time

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.processes import CpuMeter, pss_bytes
from turnout.benchmarks.scenarios.cost import NO_PIDS
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

MB = 1e6
IDLE_S = 3.0


def measure_idle(setup: Setup) -> Findings:
    """`idle_gateway_cores`, `idle_cluster_cores` and `idle_cluster_pss_mb`, apart from everything under load; they have no goal."""
    if setup.gateway is None:
        raise NotMeasurable("the gateway wasn't started by this run")
    ours = [pid for pids in setup.gateway.find_pids_in_the_way().values() for pid in pids]
    others = setup.gateway.find_other_pids()
    before, meters = time.monotonic(), (CpuMeter.read(ours), CpuMeter.read(others))
    time.sleep(IDLE_S)
    elapsed_s = time.monotonic() - before
    gateway_cores, cluster_cores = (meter.used() / elapsed_s for meter in meters)
    memory_mb = sum(pss_bytes(pid) or 0 for pid in others) / MB
    values = [
        Finding("idle_gateway_cores", gateway_cores, "router and control"),
        Finding("idle_cluster_cores", cluster_cores, "Ray and Serve, without router and control"),
        Finding("idle_cluster_pss_mb", memory_mb, f"the same {len(others)} processes"),
    ]
    return Findings(values)


def measure_memory(setup: Setup) -> Findings:
    """`router_pss_mb`: the largest replica, after the load."""
    if setup.find_router_pids is None:
        raise NotMeasurable(NO_PIDS)
    sizes = {pid: size / MB for pid in setup.find_router_pids() if (size := pss_bytes(pid)) is not None}
    if not sizes:
        raise NotMeasurable("no process of the gateway is there, or its memory isn't ours to see")
    return Findings(
        [Finding("router_pss_mb", max(sizes.values()), f"{len(sizes)} replica(s), after the load")],
        {"memory_mb": list(sizes.values())},
    )
