"""What being ready for failures costs where nothing fails: CPU time a request, beside a model that has all of it off."""

import statistics
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import MODEL as UPSTREAM_MODEL
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Subject, compare_rounds, interleave, measure
from turnout.benchmarks.scenarios.cost import CONNECTIONS, SLOWEST_S, WARM_UP_S
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.faults.wiring import fallback_name
from turnout.benchmarks.scenarios.setup import NotMeasurable

READY, BARE = "ready", "plain"


def measure_price(setup: FaultSetup) -> Findings:
    """`added_us_resilience`: one gateway, two of its models in turns, c=32, whole answers of a 1 kB body."""
    load = setup.load
    if load is None or load.gateway is None:
        raise NotMeasurable("only a gateway that this run started has a model without all this beside it")
    load.upstream.set_pace(Pace())
    subjects = [load.gateway.subject(name, name) for name in (READY, BARE)]

    def plan(subject: Subject) -> LoadPlan:
        base = load.unary(subject, 1024)
        return replace(base, connections=CONNECTIONS, duration_s=setup.amount.cost_s, give_up_s=SLOWEST_S)

    for subject in subjects:
        measure(load.client, subject, replace(plan(subject), duration_s=WARM_UP_S))
    samples = interleave(load.client, subjects, plan, setup.amount.cost_rounds, setup.randomness)
    ready, bare = ([sample.cpu_us_per_request for sample in samples[name]] for name in (READY, BARE))
    difference = compare_rounds(ready, bare)
    remark = f"± {difference.error:.1f}; {statistics.median(ready):.1f} with, {statistics.median(bare):.1f} without"
    return Findings(
        [Finding("added_us_resilience", difference.median, remark)], {"price": msgspec.to_builtins(samples)}
    )


def price_models(base_url: str) -> list[RemoteModel]:
    """The two models and the fallback of the first; names of one length, so that bodies are of one size."""
    fallbacks = {"fallbacks": {"any_error": [fallback_name(READY)]}}
    off = {"retries": {"max_attempts": 1}, "continues": False}
    common = {"provider": "load"}
    return [
        RemoteModel(READY, base_url, UPSTREAM_MODEL, **common, settings=fallbacks),
        RemoteModel(fallback_name(READY), base_url, UPSTREAM_MODEL, **common),
        RemoteModel(BARE, base_url, UPSTREAM_MODEL, **common, settings=off, target={"breaker": None}),
    ]
