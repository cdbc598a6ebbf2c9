"""What the gateway adds to the time of a request: to whole answers, to the first token, and under open-loop load."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Sample, Subject, compare_rounds, interleave, measure, quantile
from turnout.benchmarks.scenarios.setup import Setup

STREAM_CHUNKS = 4
OPEN_LOOP_CONNECTIONS = 256
RAW = 100_000


def measure_added_latency(setup: Setup) -> Findings:
    """`added_p50_ms_c1` and `added_p99_ms_c1`: one connection, with a gateway less without."""
    setup.upstream.set_pace(Pace(delay_ms=setup.effort.upstream_delay_ms))

    def plan(subject: Subject) -> LoadPlan:
        return replace(setup.unary(subject), requests=setup.effort.single_requests, give_up_s=120, raw_samples=RAW)

    ours, direct = _alternate(setup, plan)
    difference = compare_rounds([_p50(sample) for sample in ours], [_p50(sample) for sample in direct])
    with_gateway, without = _pool(ours), _pool(direct)
    p50_ms, p99_ms = quantile(without, 0.5) / 1e3, quantile(without, 0.99) / 1e3
    added_p99_ms = quantile(with_gateway, 0.99) / 1e3 - p99_ms
    values = [
        Finding("added_p50_ms_c1", difference.median / 1e3, f"± {difference.error / 1e3:.3f}, to {p50_ms:.2f} ms"),
        Finding("added_p99_ms_c1", added_p99_ms, f"to {p99_ms:.2f} ms, n={len(without)}"),
    ]
    return Findings(values, {"added_latency": msgspec.to_builtins([*ours, *direct])})


def measure_added_ttft(setup: Setup) -> Findings:
    """`added_ttft_p50_ms_c1`: the same for the first event of a stream."""
    setup.upstream.set_pace(Pace(delay_ms=setup.effort.upstream_delay_ms, chunks=STREAM_CHUNKS))

    def plan(subject: Subject) -> LoadPlan:
        return replace(
            setup.streams(subject, STREAM_CHUNKS), requests=setup.effort.single_requests, give_up_s=120, raw_samples=RAW
        )

    ours, direct = _alternate(setup, plan)
    difference = compare_rounds([_ttft_p50(sample) for sample in ours], [_ttft_p50(sample) for sample in direct])
    direct_ms = statistics.median(_ttft_p50(sample) for sample in direct) / 1e3
    remark = f"± {difference.error / 1e3:.3f}, to {direct_ms:.2f} ms"
    values = [Finding("added_ttft_p50_ms_c1", difference.median / 1e3, remark)]
    return Findings(values, {"added_ttft": msgspec.to_builtins([*ours, *direct])})


def measure_open_loop(setup: Setup, rate: float) -> Findings:
    """`open_loop_added_p50_ms` and `open_loop_added_p99_ms` at a planned rate; they have no goal."""
    setup.upstream.set_pace(Pace(delay_ms=setup.effort.upstream_delay_ms))

    def plan(subject: Subject) -> LoadPlan:
        return replace(
            setup.unary(subject),
            rate=rate,
            connections=OPEN_LOOP_CONNECTIONS,
            duration_s=setup.effort.load_s,
            raw_samples=RAW,
        )

    ours, direct = _alternate(setup, plan)
    with_gateway, without = _pool(ours), _pool(direct)
    late = sum(sample.result.late for sample in ours)
    remark = f"at {rate:.0f} requests/s, {late} of {len(with_gateway)} waited for a connection"
    values = [
        Finding(f"open_loop_added_{name}_ms", (quantile(with_gateway, share) - quantile(without, share)) / 1e3, remark)
        for name, share in (("p50", 0.5), ("p99", 0.99))
    ]
    return Findings(values, {"open_loop": msgspec.to_builtins([*ours, *direct])})


def _alternate(setup: Setup, plan_for: Callable[[Subject], LoadPlan]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    for subject in (setup.turnout, setup.direct):
        warm_up = replace(plan_for(subject), requests=10, rate=None, connections=1)
        measure(setup.client, subject, warm_up)
    samples = interleave(setup.client, (setup.turnout, setup.direct), plan_for, setup.effort.rounds, setup.randomness)
    return samples[setup.turnout.name], samples[setup.direct.name]


def _pool(samples: Sequence[Sample]) -> list[float]:
    return [time_us for sample in samples for time_us in sample.result.latency_samples_us]


def _p50(sample: Sample) -> float:
    assert sample.result.latency is not None
    return sample.result.latency.p50


def _ttft_p50(sample: Sample) -> float:
    assert sample.result.ttft is not None
    return sample.result.ttft.p50
