"""Which failed requests a kill explains, and which not."""

import os
import socket
from pathlib import Path

import pytest

from turnout.benchmarks.gateways.cluster_file import KEYS_VARIABLE, UPSTREAM_KEY_VARIABLE, ClusterConfig, RemoteModel
from turnout.benchmarks.load.plan import Failure, LoadResult
from turnout.benchmarks.scenarios.disruption.control_plane import with_model
from turnout.benchmarks.scenarios.disruption.engines import scripted_pool
from turnout.benchmarks.scenarios.disruption.nodes import place_on_edges
from turnout.benchmarks.scenarios.disruption.overload import narrow_model
from turnout.benchmarks.scenarios.disruption.routers import REPLICAS, count_beyond_in_flight, count_connections
from turnout.serve.config.check import check_file

KILLED_NS = 1000


def lost(opened_ns: int, kind: str = "lost") -> Failure:
    return Failure(kind, 0, opened_ns, KILLED_NS - 10, KILLED_NS + 10)


def result(failures: list[Failure]) -> LoadResult:
    counts = {
        kind: sum(failure.kind == kind for failure in failures)
        for kind in ("status", "body", "lost", "refused", "stuck")
    }
    return LoadResult(
        client="fake", connections=32, elapsed_s=1.0, sent=100, ok=100 - len(failures), rps=100, bad_status=counts["status"], last_bad_status=503,
        bad_body=counts["body"], lost=counts["lost"], refused=counts["refused"], stuck=counts["stuck"], reconnects=0, late=0, streams=0, events=0,
        events_per_s=0, own_cpu_s=0.0, failures=failures,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("failures", "held", "beyond"),
    [
        ([], 16, 0),
        ([lost(1), lost(2)], 16, 0),
        ([lost(1), lost(1)], 16, 1),  # twice on one connection: only one can have been in flight
        ([lost(KILLED_NS + 1)], 16, 1),  # opened after the kill
        ([lost(1), lost(2), lost(3)], 2, 1),  # the replica held only two
        ([lost(1, "status")], 16, 1),  # a survivor answered badly
        ([lost(1, "refused"), lost(2, "stuck")], 16, 2),
    ],
)
def test_only_what_was_in_flight_on_the_killed_replica_is_excused(
    failures: list[Failure], held: int, beyond: int
) -> None:
    assert count_beyond_in_flight((result(failures),), KILLED_NS, held) == beyond


def test_what_two_clients_lost_is_in_flight_on_one_replica_together() -> None:
    results = (result([lost(1), lost(2)]), result([lost(1)]))
    assert count_beyond_in_flight(results, KILLED_NS, held=3) == 0
    assert count_beyond_in_flight(results, KILLED_NS, held=2) == 1


def test_connections_that_a_process_holds_are_counted_by_its_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            assert count_connections(os.getpid(), port) == 1
        assert count_connections(os.getpid(), port) == 0


def test_the_files_of_the_local_faults_have_no_problems(tmp_path: Path) -> None:
    upstream = "http://127.0.0.1:9100/v1"
    models = [RemoteModel("mock", upstream, "mock"), narrow_model(upstream, "mock")]
    config = ClusterConfig(models, 8123, 8124, tmp_path, REPLICAS, pools=[scripted_pool()])
    environment = {KEYS_VARIABLE: "sk-test-clients", UPSTREAM_KEY_VARIABLE: "sk-test-upstream"}
    file = tmp_path / "cluster.yaml"
    for text in (config.to_yaml(), with_model(config, "added").to_yaml(), place_on_edges(config)):
        file.write_text(text)
        assert [str(problem) for problem in check_file(file, environment) if problem.severity == "error"] == []
