"""Starts Turnout on a private Ray cluster with `serve run`, says which processes do what, rolls out new versions, and ends it."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from turnout.benchmarks.gateways.cluster_file import (
    KEYS_VARIABLE,
    UPSTREAM_KEY_VARIABLE,
    ClusterConfig,
    PoolModel,
    RemoteModel,
)
from turnout.benchmarks.ports import free_port
from turnout.benchmarks.processes import Process, end_processes, find_descendants
from turnout.benchmarks.rounds import Subject
from turnout.serve.cli.serve_run import ENVIRONMENT, serve_command

KEY = "sk-turnout-bench"
START_S = 90.0
DEPLOY_S = 60.0
STOP_S = 10.0
RAY_ADDRESS = re.compile(r"/raylet .*--gcs-address=(\S+)")
CONTROLLER = "ray::ServeController"
REPLICA = re.compile(r"ray::ServeReplica:(?P<app>[^:]+):(?P<deployment>[^:.\s]+)")


class GatewayFailed(Exception):
    """The gateway didn't start, or didn't take a new version; the text ends with what its log ends with."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """
    Turnout on its own cluster.

    Attributes:
        process: `serve run`, the parent of everything.
        config: what it was started with.
        folder: its Ray sessions, cluster file, state and log; short, because Ray's socket paths must be.
        environment: of every process.
    """

    process: subprocess.Popen[bytes]
    config: ClusterConfig
    folder: Path
    environment: dict[str, str]

    def subject(self, model: str = "", name: str = "turnout") -> Subject:
        """The gateway as something to measure; the first model unless one is named."""
        base_url = f"http://127.0.0.1:{self.config.port}/v1"
        return Subject(name, base_url, model or self.config.models[0].name, KEY, self.find_pids_in_the_way)

    def find_replicas(self, app: str) -> list[Process]:
        """The live replica processes of an application."""
        return [process for process in find_descendants(self.process.pid) if _app_of(process) == app]

    def find_pids_in_the_way(self) -> dict[str, list[int]]:
        """Router and Control replicas: what a request passes through, or leaves rows in."""
        found: dict[str, list[int]] = {}
        for process in find_descendants(self.process.pid):
            if app := _app_of(process):
                found.setdefault(app, []).append(process.pid)
        return found

    def find_other_pids(self) -> list[int]:
        """The rest of the cluster: Ray's own processes and Serve's controller."""
        return [process.pid for process in find_descendants(self.process.pid) if not _app_of(process)]

    def redeploy(self, config: ClusterConfig) -> "Gateway":
        """
        Rolls out a changed config through Serve and returns when the route's replicas are all new ones.

        Raises:
            GatewayFailed: they aren't after a minute.
        """
        before = {process.pid for process in self.find_replicas("router")}
        self.deploy(config)
        deadline = time.monotonic() + DEPLOY_S
        while time.monotonic() < deadline:
            now = {process.pid for process in self.find_replicas("router")}
            if len(now) == config.replicas and not now & before:
                return replace(self, config=config)
            time.sleep(0.1)
        raise GatewayFailed(f"the new version isn't there after {DEPLOY_S:.0f} s\n{_end_of_log(self.folder)}")

    def deploy(self, config: ClusterConfig) -> None:
        """
        Hands a changed config to Serve, and returns when it has taken it.

        Raises:
            GatewayFailed: it doesn't.
        """
        file = self.folder / "cluster.yaml"
        file.write_text(config.to_yaml())
        command = [*serve_command(file), "--non-blocking", "--address", self._find_ray_address()]
        environment = {**self.environment, "RAY_AUTH_MODE": "token"}
        environment.pop("RAY_ADDRESS")
        done = subprocess.run(
            command, env=environment, cwd=self.folder, capture_output=True, check=False, timeout=DEPLOY_S
        )
        if done.returncode:
            raise GatewayFailed(f"serve run --non-blocking: {done.stderr.decode(errors='replace')[-1000:]}")

    def _find_ray_address(self) -> str:
        """Where the cluster's own `ray.init` can be joined; only the raylet's command line tells."""
        for process in find_descendants(self.process.pid):
            if found := RAY_ADDRESS.search(process.title):
                return found[1]
        raise GatewayFailed(f"no raylet runs\n{_end_of_log(self.folder)}")

    def find_controller(self) -> Process | None:
        """Serve's controller, or None while there's none."""
        processes = find_descendants(self.process.pid)
        return next((process for process in processes if process.title.startswith(CONTROLLER)), None)

    def wait_for_replicas(self, count: int, timeout_s: float, app: str = "router") -> None:
        """
        Returns when so many replicas of an application live.

        Raises:
            GatewayFailed: they don't in time.
        """
        deadline = time.monotonic() + timeout_s
        while len(self.find_replicas(app)) != count:
            if time.monotonic() > deadline:
                raise GatewayFailed(
                    f"not {count} replicas of {app} after {timeout_s:.0f} s\n{_end_of_log(self.folder)}"
                )
            time.sleep(0.1)


@contextmanager
def start_gateway(
    models: Sequence[RemoteModel],
    replicas: int = 1,
    upstream_key: str = "sk-upstream",
    pools: Sequence[PoolModel] = (),
    start_s: float = START_S,
) -> Iterator[Gateway]:
    """
    Turnout in front of these models, on a Ray cluster of its own with free ports; everything is ended with the block.

    Raises:
        GatewayFailed: its route doesn't answer within `start_s`.
    """
    folder = Path(tempfile.mkdtemp(prefix="tb-", dir="/tmp"))
    config = ClusterConfig(models, free_port(), free_port(), folder / "state", replicas, pools=pools)
    file = folder / "cluster.yaml"
    file.write_text(config.to_yaml())
    keys = {KEYS_VARIABLE: KEY, UPSTREAM_KEY_VARIABLE: upstream_key}
    private = {"RAY_TMPDIR": str(folder), "RAY_ADDRESS": "local", "PYTHONUNBUFFERED": "1"}
    environment = {**ENVIRONMENT, **os.environ, **keys, **private}
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # a child would inherit that it's ignored, and couldn't be asked to end
    with (folder / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            serve_command(file),
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    gateway = Gateway(process, config, folder, environment)
    try:
        _wait_until_ready(gateway, start_s)
        yield gateway
    finally:
        _end(gateway)


def _wait_until_ready(gateway: Gateway, start_s: float) -> None:
    deadline = time.monotonic() + start_s
    url = f"http://127.0.0.1:{gateway.config.port}/health/ready"
    while time.monotonic() < deadline and gateway.process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=1).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
        else:
            gateway.wait_for_replicas(gateway.config.replicas, deadline - time.monotonic())
            return
    raise GatewayFailed(
        f"{url} doesn't answer after {start_s:.0f} s, or serve run has ended\n{_end_of_log(gateway.folder)}"
    )


def _end(gateway: Gateway) -> None:
    started = find_descendants(gateway.process.pid)  # while their parents live: an orphan can't be found by its parent
    gateway.process.send_signal(signal.SIGINT)
    try:
        gateway.process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        gateway.process.kill()
        gateway.process.wait()
    end_processes(started, patience_s=2.0)
    shutil.rmtree(gateway.folder, ignore_errors=True)


def _app_of(process: Process) -> str | None:
    found = REPLICA.match(process.title)
    return found["app"] if found else None


def _end_of_log(folder: Path) -> str:
    return (folder / "serve.log").read_text(errors="replace")[-2000:]
