"""Whole clusters, started and stopped as a user does it: `turnout up`, `turnout down`."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

TURNOUT = Path(sys.executable).with_name("turnout")
KEY = "sk-e2e-client"


def free_port() -> int:
    """A port nobody has now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass(frozen=True)
class Running:
    """A cluster that is up."""

    file: Path
    home: Path
    environ: dict[str, str]
    port: int
    admin_port: int
    mock_port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def turnout(self, *args: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """Run a `turnout` command as the user of this cluster."""
        return subprocess.run(
            [TURNOUT, *args], check=False, env=self.environ, capture_output=True, text=True, timeout=timeout_s
        )

    def admin(self, path: str, method: str = "GET", **json: object) -> dict[str, object]:
        key = (self.home / "state" / "admin.key").read_text().strip()
        url = f"http://127.0.0.1:{self.admin_port}/admin/{path}"
        answer = httpx.request(method, url, json=json or None, headers={"authorization": f"Bearer {key}"}, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def mock(self, path: str, method: str = "GET", **json: object) -> dict[str, object]:
        answer = httpx.request(method, f"http://127.0.0.1:{self.mock_port}/_mock/{path}", json=json or None, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())

    def processes(self, title: str) -> list[psutil.Process]:
        """This cluster's own processes of that title; never another cluster's."""
        found = []
        for process in psutil.process_iter(["name", "cmdline"]):
            try:
                named = title in " ".join(process.info["cmdline"] or [process.info["name"]])
                if named and process.environ().get("TURNOUT_HOME") == str(self.home):
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found


def application(name: str, args: dict[str, object], deployment: dict[str, object] | None = None) -> dict[str, object]:
    """One entry of a cluster file."""
    kind = str(args.pop("kind"))
    made: dict[str, object] = {
        "name": name,
        "route_prefix": None,
        "import_path": f"turnout.serve.apps:{kind}",
        "args": args,
    }
    if deployment:
        made["deployments"] = [deployment]
    return made


def start(
    folder: Path, applications: list[dict[str, object]], models: list[dict[str, object]], routers: int
) -> Iterator[Running]:
    """`turnout mock` and `turnout up`, then `turnout down`, which must end well."""
    port, admin_port, mock_port = free_port(), free_port(), free_port()
    environ = {
        **os.environ,
        "TURNOUT_HOME": str(folder),
        "TURNOUT_API_KEYS": f"team-a={KEY}",
        "MOCK_KEY": "sk-mock",
        "NO_COLOR": "1",
    }
    environ.pop("RAY_ADDRESS", None)
    remote = {"base_url": f"http://127.0.0.1:{mock_port}/v1", "api_key": "env:MOCK_KEY"}
    user_config = {
        "auth": {"keys": "env:TURNOUT_API_KEYS"},
        "providers": {"mock": remote, "egress": {"placement": "deployment", "app": "egress"}},
        "models": [
            {
                "name": "mock",
                "operations": ["chat", "completions", "embeddings"],
                "targets": [
                    {
                        "name": "direct",
                        "provider": "mock",
                        "model": "far",
                        "input_cost_per_token": "0.000001",
                        "output_cost_per_token": "0.000002",
                    }
                ],
            },
            {"name": "mock-deployed", "targets": [{"name": "deployed", "provider": "egress", "model": "far"}]},
            {
                "name": "pair",
                "targets": [{"name": n, "provider": "mock", "model": "far"} for n in ("pair-a", "pair-b")],
            },
            *models,
        ],
    }
    args = {
        "kind": "router",
        "host": "127.0.0.1",
        "port": port,
        "num_cpus": 0.1,
        "replicas": {"min": routers, "max": routers},
        "drain_s": 20,
    }
    document = {
        "proxy_location": "Disabled",
        "applications": [
            *applications,
            application("egress", {"kind": "provider", "num_cpus": 0.1, **remote}),
            application(
                "control",
                {"kind": "control", "state_dir": str(folder / "state"), "admin_port": admin_port, "num_cpus": 0.1},
            ),
            application("router", args, {"name": "Router", "user_config": user_config}),
        ],
    }
    file = folder / "cluster.yaml"
    file.write_text(yaml.safe_dump(document))
    running = Running(file, folder, environ, port, admin_port, mock_port)
    mock = subprocess.Popen([TURNOUT, "mock", "--port", str(mock_port)], env=environ)
    log = folder / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen(
            [TURNOUT, "up", str(file), "--wait-s", "420"], env=environ, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        ends_at = time.monotonic() + 450
        while "ctrl-C stops it" not in log.read_text():
            assert up.poll() is None, log.read_text()
            assert time.monotonic() < ends_at, log.read_text()
            time.sleep(0.3)
        yield running
        down = running.turnout("down", str(file), timeout_s=90)
        assert down.returncode == 0, down.stdout + down.stderr
        assert up.wait(30) == 0, log.read_text()
    finally:
        for process in (up, mock):
            if process.poll() is None:
                process.terminate()
                process.wait(30)


@pytest.fixture(scope="session")
def remote_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two routers, Control, a provider deployment; the provider is `turnout mock`."""
    yield from start(tmp_path_factory.mktemp("remote"), [], [], routers=2)


@pytest.fixture(scope="session")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """SmolLM2 on vLLM's CPU build and MiniLM behind one router."""
    try:
        find("smollm2"), find("minilm")
    except ModelNotOnDisk as error:
        pytest.skip(str(error))
    engine = {
        "kind": "engine",
        "model": "smollm2",
        "engine_kwargs": {"dtype": "bfloat16", "max_model_len": 2048, "enforce_eager": True},
        "env": {"VLLM_CPU_KVCACHE_SPACE": "1"},
        "num_cpus": 0.5,
        "drain_s": 10,
    }
    applications = [
        application("smollm2", engine),
        application("minilm", {"kind": "embedder", "model": "minilm", "num_cpus": 0.1}),
    ]
    models: list[dict[str, object]] = [
        {"name": "smollm2", "targets": [{"name": "smollm2-local", "pool": "smollm2"}]},
        {"name": "minilm", "operations": ["embeddings"], "targets": [{"name": "minilm-local", "pool": "minilm"}]},
    ]
    yield from start(tmp_path_factory.mktemp("local"), applications, models, routers=1)
