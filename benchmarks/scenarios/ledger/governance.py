"""What keys with budgets and limits cost a request: CPU time, beside a key without any."""

import statistics
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Subject, compare_rounds, interleave, measure
from turnout.benchmarks.scenarios.cost import CONNECTIONS, SLOWEST_S, WARM_UP_S
from turnout.benchmarks.scenarios.ledger.admin import post_admin, wait_until_known
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.benchmarks.scenarios.setup import NotMeasurable

GOVERNED, BARE = "governed", "bare"
AMPLE = 1_000_000_000


def measure_governance(setup: LedgerSetup) -> Findings:
    """`added_us_governance`: a made key whose team, user and itself have hard budgets and limits, and a static key, in turns; c=32, 1 kB, unary."""
    load = setup.load
    if load is None or load.gateway is None:
        raise NotMeasurable("only a gateway that this run started has a key without limits beside one with them")
    load.upstream.set_pace(Pace())
    bare = load.gateway.subject(name=BARE)
    subjects = [replace(bare, name=GOVERNED, api_key=make_key(load.gateway)), bare]

    def plan(subject: Subject) -> LoadPlan:
        base = load.unary(subject, 1024)
        return replace(base, connections=CONNECTIONS, duration_s=setup.amount.cost_s, give_up_s=SLOWEST_S)

    for subject in subjects:
        measure(load.client, subject, replace(plan(subject), duration_s=WARM_UP_S))
    samples = interleave(load.client, subjects, plan, setup.amount.cost_rounds, setup.randomness)
    governed, plain = ([sample.cpu_us_per_request for sample in samples[name]] for name in (GOVERNED, BARE))
    difference = compare_rounds(governed, plain)
    remark = f"± {difference.error:.1f}; {statistics.median(governed):.1f} with, {statistics.median(plain):.1f} without"
    return Findings(
        [Finding("added_us_governance", difference.median, remark)], {"governance": msgspec.to_builtins(samples)}
    )


def make_key(gateway: Gateway) -> str:
    """A key of a user in a team, with a budget and limits at each of the three, all of them ample."""
    bounds = {"max_budget": 1_000_000, "budget_duration": "30d", "rpm_limit": AMPLE, "tpm_limit": AMPLE}
    post_admin(gateway, "/team/new", {"team_id": "bench", **bounds})
    post_admin(gateway, "/user/new", {"user_id": "bench-user", "team_id": "bench", **bounds})
    key = post_admin(gateway, "/key/generate", {"user_id": "bench-user", "max_parallel_requests": 100_000, **bounds})
    wait_until_known(gateway, str(key["key"]))
    return str(key["key"])
