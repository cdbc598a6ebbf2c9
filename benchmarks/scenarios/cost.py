"""What a request costs: CPU time of the gateway's processes under full load, and beside other gateways."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Sample, Subject, interleave, measure, median_and_best, paired_ratio
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

CONNECTIONS = 32
WARM_UP_S = 0.5
SLOWEST_S = 60.0  # some references need seconds for what is in flight
NO_PIDS = "the gateway's processes aren't known: give --pid"


def measure_request_cost(setup: Setup) -> Findings:
    """`cpu_us_per_request` with a 1 kB body, and the ratio to each reference, round by round."""
    samples = _load(setup, setup.turnout, setup.references, size_bytes=1024)
    values = [_cost(samples, setup.turnout.name, "cpu_us_per_request")]
    values += [_ratio(samples, setup.turnout.name, reference.name) for reference in setup.references]
    return Findings(values, {"request_cost": msgspec.to_builtins(samples)})


def measure_large_body_cost(setup: Setup) -> Findings:
    """The same with a 32 kB body; it has no goal."""
    samples = _load(setup, setup.turnout, setup.references[:1], size_bytes=32 * 1024)
    return Findings(
        [_cost(samples, setup.turnout.name, "cpu_us_per_request_32kb")],
        {"large_body_cost": msgspec.to_builtins(samples)},
    )


def measure_tls_cost(setup: Setup, tls_model: str) -> Findings:
    """The same with 1 kB and an upstream that speaks TLS; it has no goal."""
    subject = replace(setup.turnout, model=tls_model)
    samples = _load(setup, subject, (), size_bytes=1024)
    return Findings(
        [_cost(samples, subject.name, "cpu_us_per_request_tls")], {"tls_cost": msgspec.to_builtins(samples)}
    )


def _load(
    setup: Setup, turnout: Subject, references: Sequence[Subject], size_bytes: int
) -> Mapping[str, Sequence[Sample]]:
    if turnout.find_pids is None:
        raise NotMeasurable(NO_PIDS)
    setup.upstream.set_pace(Pace())
    subjects = (turnout, *references)

    def plan(subject: Subject) -> LoadPlan:
        base = setup.unary(subject, size_bytes)
        return replace(base, connections=CONNECTIONS, duration_s=setup.effort.load_s, give_up_s=SLOWEST_S)

    for subject in subjects:
        measure(setup.client, subject, replace(plan(subject), duration_s=WARM_UP_S))
    return interleave(setup.client, subjects, plan, setup.effort.rounds, setup.randomness)


def _cost(samples: Mapping[str, Sequence[Sample]], name: str, figure: str) -> Finding:
    found = samples[name]
    median, best = median_and_best([sample.cpu_us_per_request for sample in found])
    rps, _ = median_and_best([sample.result.rps for sample in found])
    roles = {
        role: median_and_best([sample.cpu_s_by_role[role] * 1e6 / sample.result.ok for sample in found])[0]
        for role in found[0].cpu_s_by_role
    }
    shares = ", ".join(f"{role} {cost:.1f}" for role, cost in roles.items())
    return Finding(figure, median, f"best round {best:.1f}; {shares}; {rps:.0f} requests/s at c={CONNECTIONS}")


def _ratio(samples: Mapping[str, Sequence[Sample]], ours: str, theirs: str) -> Finding:
    our_costs = [sample.cpu_us_per_request for sample in samples[ours]]
    their_costs = [sample.cpu_us_per_request for sample in samples[theirs]]
    median, best = median_and_best(their_costs)
    return Finding(
        f"cpu_per_request_vs_{theirs}",
        paired_ratio(our_costs, their_costs),
        f"{theirs}: {median:.1f} us, best round {best:.1f}",
    )
