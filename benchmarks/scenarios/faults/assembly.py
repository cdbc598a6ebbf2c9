"""Puts together what a run of `faults` needs: mocks, the gateway in front of them, and what else it serves; ended with the caller's stack."""

import random
from contextlib import ExitStack
from dataclasses import dataclass

from turnout.benchmarks.gateways.cluster import start_gateway
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.gateways.remote import remote_subject
from turnout.benchmarks.load.client import find_client
from turnout.benchmarks.load.upstream import MODEL, Upstream, start_upstream
from turnout.benchmarks.reference.references import start_minimal_proxy
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.faults.aborts import abort_model
from turnout.benchmarks.scenarios.faults.mocks import Mock, start_mock
from turnout.benchmarks.scenarios.faults.price import price_models
from turnout.benchmarks.scenarios.faults.seams import seam_pool
from turnout.benchmarks.scenarios.faults.setup import FULL, QUICK, Amount, FaultSetup
from turnout.benchmarks.scenarios.faults.suite import SUITE
from turnout.benchmarks.scenarios.faults.volume import volume_models
from turnout.benchmarks.scenarios.faults.wiring import Upstreams, gateway_models
from turnout.benchmarks.scenarios.setup import FULL as FULL_EFFORT
from turnout.benchmarks.scenarios.setup import QUICK as QUICK_EFFORT
from turnout.benchmarks.scenarios.setup import Setup

PRIMARY_PORT, FALLBACK_PORT = 9411, 9412


@dataclass(frozen=True, slots=True)
class Options:
    """
    What the command line asks for.

    Attributes:
        is_quick: the short form.
        seed: of every random choice.
        target: URL of a gateway that runs already; None starts one.
        api_key: for it.
        against: `proxy` judges the plain proxy that ships; None the gateway.
        primary_port, fallback_port: of the mocks, where a gateway that runs already expects them.
        only: names of scenarios; none means all that belong to the run.
    """

    is_quick: bool
    seed: int
    target: str | None = None
    api_key: str | None = None
    against: str | None = None
    primary_port: int = PRIMARY_PORT
    fallback_port: int = FALLBACK_PORT
    only: tuple[str, ...] = ()

    @property
    def amount(self) -> Amount:
        """How much of everything."""
        return QUICK if self.is_quick else FULL

    @property
    def is_ours(self) -> bool:
        """Whether this run starts the gateway."""
        return self.target is None and self.against is None


def assemble(options: Options, stack: ExitStack) -> FaultSetup:
    """
    Starts everything.

    Raises:
        GatewayFailed, ReferenceFailed, ChildFailed: something doesn't start.
    """
    randomness = random.Random(options.seed)
    ports = (0, 0) if options.target is None else (options.primary_port, options.fallback_port)
    primary, fallback = (stack.enter_context(start_mock(port)) for port in ports)
    if options.is_ours:
        return _assemble_ours(options, primary, fallback, randomness, stack)
    if options.target is not None:
        subject = remote_subject("gateway", options.target, "", options.api_key, ())
    else:
        subject = _start_proxy(options, primary, fallback, stack)
    return FaultSetup(subject, primary, fallback, options.amount, randomness)


def judged_models(upstreams: Upstreams, scale: float) -> list[RemoteModel]:
    """Every public model that a gateway needs to be judged."""
    return [*gateway_models(SUITE, upstreams, scale), *volume_models(upstreams, scale), abort_model(upstreams)]


def _assemble_ours(
    options: Options, primary: Mock, fallback: Mock, randomness: random.Random, stack: ExitStack
) -> FaultSetup:
    upstream: Upstream = stack.enter_context(start_upstream())
    # The first model is what scenarios that aren't about models ask for.
    models = [RemoteModel(MODEL, upstream.base_url, MODEL, provider="load"), *price_models(upstream.base_url)]
    models += judged_models(_upstreams(primary, fallback), options.amount.scale)
    gateway = stack.enter_context(start_gateway(models, pools=[seam_pool(options.seed)]))
    load = Setup(
        client=find_client(),
        upstream=upstream,
        turnout=gateway.subject(),
        direct=Subject("direct", upstream.base_url, MODEL),
        references=(),
        gateway=gateway,
        find_router_pids=lambda: [process.pid for process in gateway.find_replicas("router")],
        expected="MOCK-OK" if upstream.description == "c" else '"choices"',
        effort=QUICK_EFFORT if options.is_quick else FULL_EFFORT,
        randomness=randomness,
    )
    return FaultSetup(gateway.subject(), primary, fallback, options.amount, randomness, load=load)


def _start_proxy(options: Options, primary: Mock, fallback: Mock, stack: ExitStack) -> Subject:
    names = [model.name for model in judged_models(_upstreams(primary, fallback), options.amount.scale)]
    return stack.enter_context(start_minimal_proxy(primary.base_url, *names))


def _upstreams(primary: Mock, fallback: Mock) -> Upstreams:
    return Upstreams(primary.base_url, fallback.base_url)
