"""What keys with budgets and limits cost a request: CPU time, beside a key without any."""

import json
import statistics
import time
import urllib.error
import urllib.request
from dataclasses import replace

import msgspec

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.rounds import Subject, compare_rounds, interleave, measure
from turnout.benchmarks.scenarios.cost import CONNECTIONS, SLOWEST_S, WARM_UP_S
from turnout.benchmarks.scenarios.ledger.setup import LedgerSetup
from turnout.benchmarks.scenarios.setup import NotMeasurable
from turnout.serve.control.state_dir import KEY_FILE

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
    _post(gateway, "/team/new", {"team_id": "bench", **bounds})
    _post(gateway, "/user/new", {"user_id": "bench-user", "team_id": "bench", **bounds})
    key = _post(gateway, "/key/generate", {"user_id": "bench-user", "max_parallel_requests": 100_000, **bounds})
    _wait_until_known(gateway, str(key["key"]))
    return str(key["key"])


def _wait_until_known(gateway: Gateway, key: str) -> None:
    """A router that has just started says 503 until Control has told it the keys."""
    url = f"http://127.0.0.1:{gateway.config.port}/v1/models"
    ends_at = time.monotonic() + 10.0
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers={"authorization": f"Bearer {key}"})):
                return
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > ends_at:
                raise
        time.sleep(0.1)


def _post(gateway: Gateway, path: str, body: dict[str, object]) -> dict[str, object]:
    secret = (gateway.config.state_dir / KEY_FILE).read_text().strip()
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    url = f"http://127.0.0.1:{gateway.config.admin_port}{path}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        made: dict[str, object] = json.load(answer)
        return made
