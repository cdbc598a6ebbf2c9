"""What `balanced` costs a request more than power of two, in the CPU time of a real router with three endpoints."""

import random
import statistics
from contextlib import ExitStack
from dataclasses import replace

import msgspec

from turnout.benchmarks.bodies import chat_body
from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway, start_gateway
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.load.client import find_client
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import MODEL, Pace, Upstream, start_upstream
from turnout.benchmarks.rounds import Subject, compare_rounds, interleave, measure
from turnout.benchmarks.scenarios.cost import CONNECTIONS, SLOWEST_S, WARM_UP_S
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup

BALANCED, REFERENCE = "balanced", "power_of_two"
ENDPOINTS = 3
TOKENS = 4
QUICK_ROUNDS, QUICK_S = 9, 0.8
FULL_ROUNDS, FULL_S = 25, 2.0


def measure_added(setup: RoutingSetup) -> Findings:
    """`added_us_balanced`: two models with the same three targets, one for each strategy, in turns; c=32, 1 kB, streams of four tokens."""
    rounds, load_s = (QUICK_ROUNDS, QUICK_S) if setup.is_quick else (FULL_ROUNDS, FULL_S)
    randomness = random.Random(setup.seed)
    with ExitStack() as stack:
        upstream = stack.enter_context(start_upstream())
        gateway = stack.enter_context(start_gateway(describe_models(upstream)))
        upstream.set_pace(Pace(chunks=TOKENS))
        client, subjects = find_client(), find_subjects(gateway)

        def plan(subject: Subject) -> LoadPlan:
            body = chat_body(subject.model, 1024, randomness, is_stream=True, max_tokens=TOKENS)
            base = LoadPlan(url="", body=body, expected="[DONE]")
            return replace(base, connections=CONNECTIONS, duration_s=load_s, give_up_s=SLOWEST_S)

        for subject in subjects:
            measure(client, subject, replace(plan(subject), duration_s=WARM_UP_S))
        samples = interleave(client, subjects, plan, rounds, randomness)
    balanced, plain = ([sample.cpu_us_per_request for sample in samples[name]] for name in (BALANCED, REFERENCE))
    difference = compare_rounds(balanced, plain)
    remark = f"± {difference.error:.1f}; {statistics.median(balanced):.1f} with, {statistics.median(plain):.1f} without"
    return Findings([Finding("added_us_balanced", difference.median, remark)], {"added": msgspec.to_builtins(samples)})


def describe_models(upstream: Upstream) -> list[RemoteModel]:
    """A model for each strategy, over the same targets of one provider."""
    targets = [{"name": f"place-{number}", "provider": "load", "model": MODEL} for number in range(ENDPOINTS)]
    return [
        RemoteModel(
            strategy, upstream.base_url, MODEL, provider="load", settings={"targets": targets, "strategy": strategy}
        )
        for strategy in (BALANCED, REFERENCE)
    ]


def find_subjects(gateway: Gateway) -> list[Subject]:
    """The gateway twice, once by each model."""
    return [gateway.subject(model=name, name=name) for name in (BALANCED, REFERENCE)]
