"""Which scenarios a run consists of, and what happens when one of them fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import GatewayFailed
from turnout.benchmarks.load.client import LoadFailed
from turnout.benchmarks.rounds import BadAnswers
from turnout.benchmarks.scenarios.assembly import Assembly, Options
from turnout.benchmarks.scenarios.cost import measure_large_body_cost, measure_request_cost, measure_tls_cost
from turnout.benchmarks.scenarios.disruption import measure_disruption
from turnout.benchmarks.scenarios.engine import measure_engine_ttft
from turnout.benchmarks.scenarios.footprint import measure_idle, measure_memory
from turnout.benchmarks.scenarios.latency import measure_added_latency, measure_added_ttft, measure_open_loop
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup
from turnout.benchmarks.scenarios.tokens import measure_token_cost


@dataclass(frozen=True, slots=True)
class Step:
    """
    One scenario of a run.

    Attributes:
        title: for the progress.
        figures: that it finds, for when it fails.
        run: does it.
    """

    title: str
    figures: tuple[str, ...]
    run: Callable[[Setup], Findings]


def plan_steps(assembly: Assembly, options: Options) -> list[Step]:
    """The scenarios of this run; memory is read after the load, updates and kills come last."""
    idle = Step("what it costs idle", ("idle_gateway_cores", "idle_cluster_cores", "idle_cluster_pss_mb"), measure_idle)
    ratios = tuple(f"cpu_per_request_vs_{reference.name}" for reference in assembly.setup.references)
    cost = Step("CPU for each request", ("cpu_us_per_request", *ratios), measure_request_cost)
    latency = Step("added latency", ("added_p50_ms_c1", "added_p99_ms_c1"), measure_added_latency)
    ttft = Step("added time to first token", ("added_ttft_p50_ms_c1",), measure_added_ttft)
    tokens = Step("CPU for each token", ("cpu_us_per_token",), measure_token_cost)
    memory = Step("memory", ("router_pss_mb",), measure_memory)
    if options.is_quick:
        return [idle, cost, latency, ttft, tokens, memory]
    large = Step("CPU for each request of 32 kB", ("cpu_us_per_request_32kb",), measure_large_body_cost)
    rate = options.rate
    open_loop = Step(
        "open loop", ("open_loop_added_p50_ms", "open_loop_added_p99_ms"), lambda setup: measure_open_loop(setup, rate)
    )
    steps = [idle, cost, large, latency, ttft, open_loop, tokens, memory]
    if (tls_model := assembly.tls_model) is not None:
        tls = Step(
            "CPU for each request to a TLS upstream",
            ("cpu_us_per_request_tls",),
            lambda setup: measure_tls_cost(setup, tls_model),
        )
        steps.insert(3, tls)
    if (engine := assembly.engine) is not None:
        steps.append(
            Step("real vLLM", ("added_ttft_p50_ms_real_vllm",), lambda setup: measure_engine_ttft(setup, engine))
        )
    steps.append(
        Step("updates and kills", ("lost_in_rolling_update", "lost_beyond_in_flight_on_kill"), measure_disruption)
    )
    return steps


def run_steps(
    steps: Sequence[Step], setup: Setup, say: Callable[[str], None]
) -> tuple[list[Finding], dict[str, Any], list[str]]:
    """
    Runs the scenarios one after the other; one that fails leaves its figures without value and doesn't stop the rest.

    Returns:
        What was found, the raw samples by scenario, and the titles of those that failed (not those that couldn't be measured here).
    """
    values: list[Finding] = []
    samples: dict[str, Any] = {}
    failed: list[str] = []
    for number, step in enumerate(steps, 1):
        say(f"[{number}/{len(steps)}] {step.title}")
        try:
            findings = step.run(setup)
        except NotMeasurable as why:
            values += [Finding(name, None, str(why)) for name in step.figures]
        except (BadAnswers, LoadFailed, GatewayFailed) as error:
            say(f"  failed: {error}")
            failed.append(step.title)
            values += [Finding(name, None, f"failed: {str(error).splitlines()[0]}") for name in step.figures]
        else:
            values += findings.values
            samples |= findings.samples
    return values, samples, failed
