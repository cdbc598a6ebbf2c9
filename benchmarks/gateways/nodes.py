"""Starts a Ray cluster of several nodes on this machine, for what happens to nodes."""

import os
import re
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.gateways.cluster import GatewayFailed
from turnout.benchmarks.ports import free_port
from turnout.benchmarks.processes import end_processes, find_descendants
from turnout.serve.cli.serve_run import ENVIRONMENT

RESOURCE = "edge"
STORE_BYTES = 150 * 1024 * 1024
DRAIN_S = 120
START_S = 60.0
RAY = str(Path(sys.executable).with_name("ray"))
NODE_ID = re.compile(r"/raylet .*--node_id=(\w+)")


@dataclass(frozen=True, slots=True)
class Node:
    """
    One node of the cluster.

    Attributes:
        process: `ray start --block`, the parent of all that runs on it.
        id: Ray's.
    """

    process: subprocess.Popen[bytes]
    id: str

    @property
    def has_replicas(self) -> bool:
        """Whether a replica of Serve lives here."""
        processes = find_descendants(self.process.pid)
        return any(process.title.startswith("ray::ServeReplica") for process in processes)

    def kill(self) -> None:
        """Ends it and all that runs on it at once, as a cloud does that takes a machine back."""
        end_processes(find_descendants(self.process.pid), patience_s=0.0)
        self.process.wait()


@dataclass(frozen=True, slots=True)
class Nodes:
    """
    The cluster at work: a head node, for what asks for nothing special, and workers with the resource `edge`.

    Attributes:
        address: for `--address`.
        environment: for whatever joins it.
        folder: of its logs.
        stack: ends its nodes.
    """

    address: str
    environment: Mapping[str, str]
    folder: Path
    stack: ExitStack

    def add_worker(self) -> Node:
        """
        One more worker.

        Raises:
            GatewayFailed: it doesn't start.
        """
        resources = f'{{"{RESOURCE}": 1}}'
        options = ["--address", self.address, "--num-cpus", "2", "--resources", resources]
        return self.stack.enter_context(_start_node(options, self.environment, self.folder / "worker.log"))

    def drain(self, node: Node) -> None:
        """
        Tells Ray that the node will be taken back in two minutes.

        Raises:
            GatewayFailed: Ray refuses.
        """
        reason = ["--reason", "DRAIN_NODE_REASON_PREEMPTION", "--reason-message", "benchmark"]
        deadline = ["--deadline-remaining-seconds", str(DRAIN_S)]
        command = [RAY, "drain-node", "--address", self.address, "--node-id", node.id, *reason, *deadline]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        if done.returncode:
            raise GatewayFailed(f"ray drain-node: {(done.stdout + done.stderr)[-1000:]}")


@contextmanager
def start_nodes(folder: Path, variables: Mapping[str, str]) -> Iterator[Nodes]:
    """
    A head node without workers; all nodes end with the block.

    Args:
        folder: for Ray's files; short, because its socket paths must be.
        variables: that replicas find in their environment.

    Raises:
        GatewayFailed: it doesn't start.
    """
    private = {"RAY_TMPDIR": str(folder), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    environment = {**ENVIRONMENT, **os.environ, **variables, **private}
    environment.pop("RAY_ADDRESS", None)
    port = free_port()
    head = ["--head", "--port", str(port), "--num-cpus", "4", "--include-dashboard", "false"]
    with ExitStack() as stack:
        stack.enter_context(_start_node(head, environment, folder / "head.log"))
        yield Nodes(f"127.0.0.1:{port}", environment, folder, stack)


@contextmanager
def _start_node(options: list[str], environment: Mapping[str, str], log: Path) -> Iterator[Node]:
    command = [RAY, "start", "--block", "--node-ip-address", "127.0.0.1", "--disable-usage-stats"]
    command += ["--object-store-memory", str(STORE_BYTES), *options]
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output, process_group=0
        )
    try:
        yield Node(process, _wait_for_id(process, log))
    finally:
        end_processes(find_descendants(process.pid), patience_s=3.0)
        process.wait()


def _wait_for_id(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        for each in find_descendants(process.pid):
            if found := NODE_ID.search(each.title):
                return found[1]
        time.sleep(0.1)
    raise GatewayFailed(f"a Ray node doesn't start: {log.read_text(errors='replace')[-1000:]}")
