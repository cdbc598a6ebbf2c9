"""Which scenarios a run of `overhead` consists of."""

from collections.abc import Iterator
from functools import partial

from turnout.benchmarks.scenarios.assembly import Assembly, Options
from turnout.benchmarks.scenarios.cost import measure_large_body_cost, measure_request_cost, measure_tls_cost
from turnout.benchmarks.scenarios.disruption.routers import measure_disruption
from turnout.benchmarks.scenarios.engine import measure_engine_ttft
from turnout.benchmarks.scenarios.footprint import measure_idle, measure_memory
from turnout.benchmarks.scenarios.latency import measure_added_latency, measure_added_ttft, measure_open_loop
from turnout.benchmarks.scenarios.setup import Setup
from turnout.benchmarks.scenarios.tokens import measure_token_cost
from turnout.benchmarks.steps import Step

QUICK_STEPS = ("idle", "cost", "latency", "ttft", "tokens", "memory")
STEPS = (
    "idle",
    "cost",
    "large-bodies",
    "tls",
    "latency",
    "ttft",
    "open-loop",
    "tokens",
    "memory",
    "engine",
    "disruption",
)
"""Every scenario, in its order: memory is read after the load, updates and kills come last."""


def plan_steps(assembly: Assembly, options: Options) -> list[Step[Setup]]:
    """The scenarios of this run, less those that `--only` leaves out and those that `assembly.missing` explains."""
    steps = {step.name: step for step in _describe_steps(assembly, options)}
    wanted = options.only or (QUICK_STEPS if options.is_quick else STEPS)
    return [steps[name] for name in STEPS if name in wanted and name in steps]


def _describe_steps(assembly: Assembly, options: Options) -> Iterator[Step[Setup]]:
    ratios = tuple(f"cpu_per_request_vs_{reference.name}" for reference in assembly.setup.references)
    open_loop = partial(measure_open_loop, rate=options.rate)
    yield Step("idle", ("idle_gateway_cores", "idle_cluster_cores", "idle_cluster_pss_mb"), measure_idle)
    yield Step("cost", ("cpu_us_per_request", *ratios), measure_request_cost)
    yield Step("large-bodies", ("cpu_us_per_request_32kb",), measure_large_body_cost)
    yield Step("latency", ("added_p50_ms_c1", "added_p99_ms_c1"), measure_added_latency)
    yield Step("ttft", ("added_ttft_p50_ms_c1",), measure_added_ttft)
    yield Step("open-loop", ("open_loop_added_p50_ms", "open_loop_added_p99_ms"), open_loop)
    yield Step("tokens", ("cpu_us_per_token",), measure_token_cost)
    yield Step("memory", ("router_pss_mb",), measure_memory)
    yield Step("disruption", ("lost_in_rolling_update", "lost_beyond_in_flight_on_kill"), measure_disruption)
    if assembly.tls_model is not None:
        yield Step("tls", ("cpu_us_per_request_tls",), partial(measure_tls_cost, tls_model=assembly.tls_model))
    if assembly.engine is not None:
        yield Step("engine", ("added_ttft_p50_ms_real_vllm",), partial(measure_engine_ttft, engine=assembly.engine))
