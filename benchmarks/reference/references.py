"""Starts the gateways to compare with, each in front of the same mock upstream."""

import json
import os
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from turnout.benchmarks.load.children import python_module, start_child
from turnout.benchmarks.ports import free_port
from turnout.benchmarks.processes import end_processes, find_descendants
from turnout.benchmarks.reference.minimal_proxy import KEY as MINIMAL_KEY
from turnout.benchmarks.rounds import Subject

LITELLM_KEY = "sk-litellm-bench"
START_S = 120.0


class ReferenceFailed(Exception):
    """A reference gateway doesn't answer."""


@contextmanager
def start_minimal_proxy(upstream_url: str, model: str, *more_models: str) -> Iterator[Subject]:
    """`ref_proto`, the yardstick of our own; it hands requests for these models on as they are."""
    port = urlsplit(upstream_url).port
    module = "turnout.benchmarks.reference.minimal_proxy"
    with start_child(python_module(module, str(port), model, *more_models)) as child:
        yield Subject(
            "ref_proto", f"http://127.0.0.1:{child.port}/v1", model, MINIMAL_KEY, lambda: {"proxy": [child.pid]}
        )


@contextmanager
def start_litellm(environment: Path, upstream_url: str, model: str) -> Iterator[Subject]:
    """LiteLLM's proxy from a virtual environment that has `litellm[proxy]`: one worker, a master key, no database, no logging."""
    port = free_port()
    parameters = {"model": f"openai/{model}", "api_base": upstream_url, "api_key": "sk-upstream"}
    settings = {
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "general_settings": {"master_key": LITELLM_KEY},
    }
    with tempfile.TemporaryDirectory(prefix="turnout-bench-") as folder:
        config = Path(folder, "litellm.yaml")
        config.write_text(
            json.dumps({"model_list": [{"model_name": model, "litellm_params": parameters}], **settings})
        )  # JSON is YAML
        command = [
            str(environment / "bin" / "litellm"),
            "--config",
            str(config),
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--num_workers",
            "1",
        ]
        with _start(command, f"http://127.0.0.1:{port}/health/liveliness", {"LITELLM_LOG": "ERROR"}) as find_pids:
            yield Subject("litellm", f"http://127.0.0.1:{port}/v1", model, LITELLM_KEY, find_pids)


@contextmanager
def start_vllm_router(environment: Path, upstream_url: str, model: str) -> Iterator[Subject]:
    """vllm-router from a virtual environment that has it, with one worker behind it."""
    port = free_port()
    worker = upstream_url.removesuffix("/v1")
    command = [
        str(environment / "bin" / "vllm-router"), "--host", "127.0.0.1", "--port", str(port), "--worker-urls", worker,
        "--policy", "round_robin", "--prometheus-port", str(free_port()), "--prometheus-host", "127.0.0.1", "--log-level", "error",
    ]  # fmt: skip
    with _start(command, f"http://127.0.0.1:{port}/health", {}) as find_pids:
        yield Subject("vllm_router", f"http://127.0.0.1:{port}/v1", model, None, find_pids)


class _Pids:
    """The live processes of one command; called for each measurement."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def __call__(self) -> Mapping[str, Sequence[int]]:
        return {"gateway": [process.pid for process in find_descendants(self.pid)]}


@contextmanager
def _start(command: Sequence[str], health_url: str, variables: Mapping[str, str]) -> Iterator[_Pids]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, env={**os.environ, **variables}, stdout=log, stderr=subprocess.STDOUT)
        try:
            if not _try_wait(process, health_url):
                log.seek(0)
                raise ReferenceFailed(f"{command[0]} doesn't answer: {log.read()[-500:].decode(errors='replace')}")
            yield _Pids(process.pid)
        finally:
            end_processes(find_descendants(process.pid), patience_s=3.0)
            process.wait()


def _try_wait(process: "subprocess.Popen[bytes]", url: str) -> bool:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.2)
        else:
            return True
    return False
