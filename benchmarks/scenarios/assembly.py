"""Puts together what a run needs: client, upstream, gateway, references; all of it ended with the caller's stack."""

import os
import random
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from turnout.benchmarks.gateways.cluster import Gateway, start_gateway
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.gateways.remote import RemoteUpstream, remote_subject
from turnout.benchmarks.load.certificate import try_make_certificate
from turnout.benchmarks.load.children import python_module, start_child
from turnout.benchmarks.load.client import find_client
from turnout.benchmarks.load.upstream import MODEL, Upstream, start_upstream
from turnout.benchmarks.ports import free_port
from turnout.benchmarks.reference.references import start_litellm, start_minimal_proxy, start_vllm_router
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.engine import EngineAddress
from turnout.benchmarks.scenarios.setup import FULL, QUICK, Setup
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

TLS_MODEL = "mock-tls"
ENGINE_MODEL = "engine"


@dataclass(frozen=True, slots=True)
class Options:
    """
    What the command line asks for.

    Attributes:
        is_quick: the short form.
        seed: of every random choice.
        rate: of the open-loop rows, in requests a second.
        target: URL of a gateway that runs already; None starts one.
        api_key, model: for it.
        upstream: URL of the model server behind it.
        upstream_api_key, upstream_model: for that.
        pids: the gateway's processes, where they run on this machine.
        litellm_venv, vllm_router_venv: environments that have them.
        engine: a vLLM model on disk, by name or folder.
        engine_url: a vLLM server that runs already, with `engine` as its model's name.
        only: names of scenarios; none means all that belong to the run.
    """

    is_quick: bool
    seed: int
    rate: float
    target: str | None = None
    api_key: str | None = None
    model: str = MODEL
    upstream: str | None = None
    upstream_api_key: str | None = None
    upstream_model: str | None = None
    pids: tuple[int, ...] = ()
    litellm_venv: Path | None = None
    vllm_router_venv: Path | None = None
    engine: str = "smollm2"
    engine_url: str | None = None
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Assembly:
    """
    Everything that runs.

    Attributes:
        setup: for the scenarios.
        tls_model: the gateway's model with a TLS upstream, or None.
        engine: a vLLM behind the gateway, or None.
        missing: figures that can't be measured, with the reason.
        versions: of the references.
    """

    setup: Setup
    tls_model: str | None = None
    engine: EngineAddress | None = None
    missing: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)


def assemble(options: Options, randomness: random.Random, stack: ExitStack) -> Assembly:
    """
    Starts everything.

    Raises:
        GatewayFailed, ReferenceFailed, ChildFailed: something doesn't start.
    """
    missing = {"cpu_us_per_request_all_stages_on": "the stages that it would turn on don't exist yet"}
    if options.target is not None:
        return _assemble_existing(options, randomness, missing)
    upstream = stack.enter_context(start_upstream())
    references, versions = _start_references(options, upstream, stack, missing)
    models = [RemoteModel(MODEL, upstream.base_url, MODEL)]
    tls_model = None if options.is_quick else _try_add_tls(models, upstream, stack, missing)
    engine = None if options.is_quick else _try_add_engine(models, options, missing)
    gateway: Gateway = stack.enter_context(start_gateway(models))
    setup = Setup(
        client=find_client(),
        upstream=upstream,
        turnout=gateway.subject(),
        direct=Subject("direct", upstream.base_url, MODEL),
        references=references,
        gateway=gateway,
        find_router_pids=lambda: [process.pid for process in gateway.find_replicas("router")],
        expected="MOCK-OK" if upstream.description == "c" else '"choices"',
        effort=QUICK if options.is_quick else FULL,
        randomness=randomness,
    )
    return Assembly(setup, tls_model, engine, missing, versions)


def _assemble_existing(options: Options, randomness: random.Random, missing: Mapping[str, str]) -> Assembly:
    assert options.target is not None
    assert options.upstream is not None
    turnout = remote_subject("turnout", options.target, options.model, options.api_key, options.pids)
    direct = remote_subject(
        "direct", options.upstream, options.upstream_model or options.model, options.upstream_api_key, ()
    )
    ours = "only where this run starts the gateway itself"
    rows = (
        "cpu_per_request_vs_ref_proto",
        "cpu_per_request_vs_litellm",
        "cpu_per_request_vs_vllm_router",
        "cpu_us_per_request_tls",
    )
    engine_row = {"added_ttft_p50_ms_real_vllm": f"{ours}; added_ttft_p50_ms_c1 is over your own upstream"}
    setup = Setup(
        client=find_client(),
        upstream=RemoteUpstream(direct.base_url),
        turnout=turnout,
        direct=direct,
        references=(),
        gateway=None,
        find_router_pids=(lambda: options.pids) if options.pids else None,
        expected='"choices"',
        effort=QUICK if options.is_quick else FULL,
        randomness=randomness,
    )
    return Assembly(setup, missing={**missing, **dict.fromkeys(rows, ours), **engine_row})


def _start_references(
    options: Options, upstream: Upstream, stack: ExitStack, missing: dict[str, str]
) -> tuple[Sequence[Subject], Mapping[str, str]]:
    references = [stack.enter_context(start_minimal_proxy(upstream.base_url, MODEL))]
    versions = {}
    others = (
        ("litellm", "litellm", options.litellm_venv, start_litellm),
        ("vllm_router", "vllm-router", options.vllm_router_venv, start_vllm_router),
    )
    for name, package, environment, start in others:
        if environment is None or options.is_quick:
            missing[f"cpu_per_request_vs_{name}"] = f"give --{package}-venv DIR, an environment that has {package}"
            continue
        if not (environment / "bin" / package).exists():
            missing[f"cpu_per_request_vs_{name}"] = f"{environment} has no {package}"
            continue
        references.append(stack.enter_context(start(environment, upstream.base_url, MODEL)))
        versions[package] = _read_version(environment, package)
    return references, versions


def _try_add_tls(
    models: list[RemoteModel], upstream: Upstream, stack: ExitStack, missing: dict[str, str]
) -> str | None:
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="turnout-bench-")))
    made = try_make_certificate(folder)
    if made is None:
        missing["cpu_us_per_request_tls"] = "there is no openssl to make a certificate with"
        return None
    port = upstream.base_url.rpartition(":")[2].partition("/")[0]
    command = python_module("turnout.benchmarks.load.tls_front", port, str(made.certificate), str(made.key))
    front = stack.enter_context(start_child(command))
    models.append(RemoteModel(TLS_MODEL, f"https://127.0.0.1:{front.port}/v1", MODEL, made.certificate))
    return TLS_MODEL


def _try_add_engine(models: list[RemoteModel], options: Options, missing: dict[str, str]) -> EngineAddress | None:
    if options.engine_url is not None:
        models.append(RemoteModel(ENGINE_MODEL, options.engine_url, options.engine))
        return EngineAddress(options.engine_url, options.engine, ENGINE_MODEL, None)
    try:
        folder = find(options.engine)
    except ModelNotOnDisk as error:
        missing["added_ttft_p50_ms_real_vllm"] = str(error)
        return None
    base_url = f"http://127.0.0.1:{free_port()}/v1"
    models.append(RemoteModel(ENGINE_MODEL, base_url, "engine"))
    return EngineAddress(base_url, "engine", ENGINE_MODEL, folder)


def _read_version(environment: Path, package: str) -> str:
    code = "import sys, importlib.metadata as m; print(m.version(sys.argv[1]))"
    python = environment / "bin" / "python"
    done = subprocess.run(
        [str(python), "-c", code, package], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    return done.stdout.strip() or "unknown"
