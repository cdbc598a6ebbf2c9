"""The cluster that the local faults happen to: two routers in front of a mock upstream and of two scripted engines."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from turnout.benchmarks.findings import Findings
from turnout.benchmarks.gateways.cluster import start_gateway
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.load.client import LoadClient
from turnout.benchmarks.load.upstream import MODEL, start_upstream
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.disruption.control_plane import measure_config_reload, measure_controller_kill
from turnout.benchmarks.scenarios.disruption.engines import measure_engine_kill, scripted_pool
from turnout.benchmarks.scenarios.disruption.nodes import measure_node_drain
from turnout.benchmarks.scenarios.disruption.overload import measure_refusals, narrow_model
from turnout.benchmarks.scenarios.disruption.routers import REPLICAS, measure_router_kill, wait_for_routers
from turnout.benchmarks.scenarios.setup import FULL, Setup

PATIENCE_S = 30.0

LOCAL_FAULTS: Mapping[str, Callable[[Setup], Findings]] = MappingProxyType(
    {
        "lost_in_config_reload": measure_config_reload,
        "lost_while_controller_restarts": measure_controller_kill,
        "lost_beyond_in_flight_on_router_kill": measure_router_kill,
        "lost_on_engine_kill": measure_engine_kill,
        "refusal_p99_ms": measure_refusals,
        "lost_on_node_drain": measure_node_drain,
    }
)
"""
Each figure with what measures it, in this order; on one cluster, but for the last, which starts one of several nodes beside it. Nothing should be
lost, and a refusal should take less than 50 ms.
"""


@contextmanager
def start_ground(client: LoadClient, randomness: random.Random) -> Iterator[Setup]:
    """
    A cluster of its own, ended with the block.

    Raises:
        GatewayFailed, ChildFailed: something doesn't start.
    """
    with (
        start_upstream() as upstream,
        start_gateway(
            [RemoteModel(MODEL, upstream.base_url, MODEL), narrow_model(upstream.base_url, MODEL)],
            replicas=REPLICAS,
            pools=[scripted_pool()],
        ) as gateway,
    ):
        wait_for_routers(gateway.config.port, REPLICAS, PATIENCE_S)
        yield Setup(
            client=client,
            upstream=upstream,
            turnout=gateway.subject(),
            direct=Subject("direct", upstream.base_url, MODEL),
            references=(),
            gateway=gateway,
            find_router_pids=None,
            expected="MOCK-OK" if upstream.description == "c" else '"choices"',
            effort=FULL,
            randomness=randomness,
        )
