"""Puts together what a run of `ledger` needs, and says which scenarios it has."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.gateways.cluster import start_gateway
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.load.client import find_client
from turnout.benchmarks.load.upstream import MODEL, start_upstream
from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.ledger.audit import measure_audit
from turnout.benchmarks.scenarios.ledger.cap import measure_cap
from turnout.benchmarks.scenarios.ledger.cluster_cap import measure_cluster_cap
from turnout.benchmarks.scenarios.ledger.governance import measure_governance
from turnout.benchmarks.scenarios.ledger.kills import measure_kills
from turnout.benchmarks.scenarios.ledger.setup import FULL, QUICK, LedgerSetup
from turnout.benchmarks.scenarios.ledger.simulation import measure_simulation
from turnout.benchmarks.scenarios.ledger.speed import measure_speed
from turnout.benchmarks.scenarios.setup import FULL as FULL_EFFORT
from turnout.benchmarks.scenarios.setup import QUICK as QUICK_EFFORT
from turnout.benchmarks.scenarios.setup import Setup
from turnout.benchmarks.steps import Step

STEPS = ("cap", "cluster_cap", "kills", "simulation", "speed", "audit", "governance")
"""Every scenario, in its order."""

FULL_ONLY = ("cluster_cap", "simulation")
"""Left out of a quick run that doesn't name them."""

SIMULATED = ("lost_settles_simulated", "overspend_usd_simulated", "held_over_60s_simulated")


@dataclass(frozen=True, slots=True)
class Options:
    """
    What the command line asks for.

    Attributes:
        is_quick: the short form.
        seed: of every random choice.
        folder: on the disk to measure.
        only: names of scenarios; none means all.
    """

    is_quick: bool
    seed: int
    folder: Path | None = None
    only: tuple[str, ...] = ()


def plan_steps(options: Options) -> list[Step[LedgerSetup]]:
    """The scenarios of this run."""
    usual = [name for name in STEPS if not (options.is_quick and name in FULL_ONLY)]
    return [step for step in _describe_steps() if step.name in (options.only or usual)]


def assemble(options: Options, stack: ExitStack) -> LedgerSetup:
    """The setup; a gateway is started only for the scenario that needs one, and ended with the stack."""
    randomness = random.Random(options.seed)
    needs_gateway = not options.only or "governance" in options.only
    load = _start_load(options, randomness, stack) if needs_gateway else None
    return LedgerSetup(QUICK if options.is_quick else FULL, randomness, options.folder, load)


def _start_load(options: Options, randomness: random.Random, stack: ExitStack) -> Setup:
    upstream = stack.enter_context(start_upstream())
    prices = {"input_cost_per_token": "1e-7", "output_cost_per_token": "4e-7"}
    model = RemoteModel(MODEL, upstream.base_url, MODEL, provider="load", target=prices)
    gateway = stack.enter_context(start_gateway([model]))
    return Setup(
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


def _describe_steps() -> Iterator[Step[LedgerSetup]]:
    yield Step("cap", ("overspend_usd_1000_concurrent_on_1usd", "budget_used_when_demand_allows"), measure_cap)
    yield Step("cluster_cap", ("overspend_usd_two_routers", "budget_used_two_routers"), measure_cluster_cap)
    yield Step("kills", ("lost_settles_200_kills",), measure_kills)
    yield Step("simulation", SIMULATED, measure_simulation)
    yield Step("speed", ("hold_settle_per_second",), measure_speed)
    yield Step("audit", ("audit_rows_verified_per_second", "audit_tampering_found"), measure_audit)
    yield Step("governance", ("added_us_governance",), measure_governance)
