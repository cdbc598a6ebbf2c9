"""
A Ray cluster of several nodes on this machine, for what happens to nodes.

    python -m turnout.benchmarks.gateways.nodes     prints "nodes PORT ID ID", then obeys lines on its input:
    add                                             one more worker node; says "added ID"
    remove ID                                       the node's processes end at once; says "removed ID"

The head node takes what asks for nothing special; two worker nodes, and those that are added, have the resource `edge`.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.gateways.cluster import GatewayFailed
from turnout.benchmarks.load.children import python_module
from turnout.benchmarks.processes import end_processes, find_descendants
from turnout.serve.cli.serve_run import ENVIRONMENT

RESOURCE = "edge"
WORKERS = 2
DRAIN_S = 120
END_S = 20.0


@dataclass(frozen=True, slots=True)
class Nodes:
    """
    The cluster at work.

    Attributes:
        process: that owns its nodes.
        port: of Ray's global store, on this machine.
        workers: ids of the first worker nodes.
        environment: for whatever joins it.
    """

    process: subprocess.Popen[str]
    port: int
    workers: tuple[str, ...]
    environment: Mapping[str, str]

    @property
    def address(self) -> str:
        """For `--address`."""
        return f"127.0.0.1:{self.port}"

    def add(self) -> str:
        """One more worker node's id."""
        return self._tell("add", "added")

    def remove(self, node: str) -> None:
        """Ends a node at once, as a cloud does that takes a machine back."""
        self._tell(f"remove {node}", "removed")

    def drain(self, node: str) -> None:
        """
        Tells Ray that the node will be taken back in two minutes.

        Raises:
            GatewayFailed: Ray refuses.
        """
        reason = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "benchmark"]
        deadline = ["--deadline-remaining-seconds", str(DRAIN_S)]
        ray = str(Path(sys.executable).with_name("ray"))
        command = [ray, "drain-node", "--address", self.address, "--node-id", node, *reason, *deadline]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise GatewayFailed(f"ray drain-node: {(done.stdout + done.stderr)[-1000:]}")

    def has_replicas(self, node: str) -> bool:
        """Whether a replica of Serve lives on the node."""
        for process in find_descendants(self.process.pid):
            if f"--node_id={node}" in process.title:
                return any(each.title.startswith("ray::ServeReplica") for each in find_descendants(process.pid))
        return False

    def _tell(self, line: str, answer: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        words = _read_words(self.process)
        if words[:1] != [answer]:
            raise GatewayFailed(f"the nodes' process answered {words} to {line!r}")
        return words[1]


@contextmanager
def start_nodes(folder: Path, variables: Mapping[str, str]) -> Iterator[Nodes]:
    """
    Three nodes, ended with the block.

    Args:
        folder: for Ray's files; short, because its socket paths must be.
        variables: that replicas find in their environment.

    Raises:
        GatewayFailed: they don't start.
    """
    environment = {**ENVIRONMENT, **os.environ, **variables, "RAY_TMPDIR": str(folder), "RAY_AUTH_MODE": "token"}
    environment.pop("RAY_ADDRESS", None)
    command = python_module("turnout.benchmarks.gateways.nodes")
    with (folder / "nodes.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        words = _read_words(process)
        if words[:1] != ["nodes"]:
            raise GatewayFailed(f"the nodes don't start: {(folder / 'nodes.log').read_text()[-1000:]}")
        yield Nodes(process, int(words[1]), tuple(words[2:]), environment)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[str]") -> None:
    started = find_descendants(process.pid)  # while their parents live: an orphan can't be found by its parent
    try:
        process.communicate(timeout=END_S)  # closes its input
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
    end_processes(started, patience_s=2.0)


def _read_words(process: "subprocess.Popen[str]") -> list[str]:
    assert process.stdout is not None
    while line := process.stdout.readline():
        if line.split()[:1] in (["nodes"], ["added"], ["removed"]):
            return line.split()
    return []


def serve_nodes() -> None:
    """What the child does: starts the nodes, obeys until its input ends, ends them."""
    from ray.cluster_utils import Cluster

    def add() -> str:
        return str(cluster.add_node(num_cpus=2, resources={RESOURCE: 1}).node_id)

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 4, "include_dashboard": False})
    try:
        workers = [add() for _ in range(WORKERS)]
        print("nodes", cluster.address.rpartition(":")[2], *workers, flush=True)
        for line in sys.stdin:
            match line.split():
                case ["add"]:
                    print("added", add(), flush=True)
                case ["remove", node]:
                    gone = next(each for each in cluster.worker_nodes if each.node_id == node)
                    cluster.remove_node(gone, allow_graceful=False)
                    print("removed", node, flush=True)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    serve_nodes()
