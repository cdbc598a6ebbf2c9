"""What a streamed token costs: CPU time of the gateway's processes for each event that it hands on."""

from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Subject, interleave, median_and_best
from turnout.benchmarks.scenarios.cost import NO_PIDS, SLOWEST_S
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

STREAMS = 16
GAP_MS = 5.0
CHUNKS = 100


def measure_token_cost(setup: Setup) -> Findings:
    """`cpu_us_per_token` with 16 streams at once, 5 ms between chunks; `[DONE]` isn't counted as one."""
    if setup.turnout.find_pids is None:
        raise NotMeasurable(NO_PIDS)
    setup.upstream.set_pace(Pace(chunks=CHUNKS, gap_ms=GAP_MS))

    def plan(subject: Subject) -> LoadPlan:
        base = setup.streams(subject, CHUNKS)
        return replace(base, connections=STREAMS, duration_s=setup.effort.load_s, give_up_s=SLOWEST_S)

    samples = interleave(setup.client, (setup.turnout, *setup.references), plan, setup.effort.rounds, setup.randomness)
    costs = {name: median_and_best([sample.cpu_us_per_event for sample in found]) for name, found in samples.items()}
    ours, best = costs.pop(setup.turnout.name)
    others = "".join(f"; {name}: {median:.1f}" for name, (median, _) in costs.items())
    return Findings(
        [Finding("cpu_us_per_token", ours, f"best round {best:.1f}{others}")],
        {"token_cost": msgspec.to_builtins(samples)},
    )
