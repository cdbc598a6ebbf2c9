"""What clients that leave in the middle leave behind: how soon their upstream is closed, and what the router still holds afterwards."""

import asyncio
import os
import re
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.rounds import BadAnswers, quantile
from turnout.benchmarks.scenarios.faults.asking import Client, Question, open_client
from turnout.benchmarks.scenarios.faults.crowd import ask_all
from turnout.benchmarks.scenarios.faults.mocks import Arrival
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.faults.suite import PRIMARY_TEXT
from turnout.benchmarks.scenarios.faults.wiring import FORMS, Upstreams

MODEL = "aborts"
AT_ONCE = 16
SOONEST_S, LATEST_S = 0.02, 0.15
SCRIPT = {"text": {"values": [PRIMARY_TEXT]}, "latency": {"ttft_s": 0.05, "tokens_per_s": 50}}
SETTLED_S = 10.0


@dataclass(frozen=True, slots=True)
class Holdings:
    """
    What a router process holds.

    Attributes:
        tasks: on its event loop, or None where it doesn't say.
        descriptors: open, without its connections to the mocks: those are kept for later on purpose.
    """

    tasks: int | None
    descriptors: int


def measure_aborts(setup: FaultSetup) -> Findings:
    """`upstream_closed_after_client_left_p99_ms` and `leaked_after_aborts`, unary and streams."""
    setup.primary.play({"models": {MODEL: SCRIPT}})
    questions = [
        Question(MODEL, is_stream=FORMS[number % 2] == "stream", prompt=f"request {number:06}.")
        for number in range(setup.amount.aborts)
    ]
    ask_all(setup.subject, questions[:AT_ONCE], AT_ONCE)
    ports = (setup.primary.port, setup.fallback.port)
    before = [_look(setup.gateway, ports)] if setup.gateway else []
    patience = [setup.randomness.uniform(SOONEST_S, LATEST_S) for _ in questions]
    left = asyncio.run(_leave_all(setup, questions, patience))
    _wait_for_quiet(setup)
    delays_ms = match_departures(left, setup.primary.arrivals(MODEL))
    if len(delays_ms) < 0.9 * len(left):
        raise BadAnswers(f"{len(left)} clients left, but the upstream noticed it of {len(delays_ms)}")
    median_ms, p99_ms = quantile(delays_ms, 0.5), quantile(delays_ms, 0.99)
    remark = f"median {median_ms:.1f}, longest {max(delays_ms):.1f}; {len(delays_ms)} of {len(questions)} left in time"
    values = [Finding("upstream_closed_after_client_left_p99_ms", p99_ms, remark)]
    values += [_find_leaks(setup, before[0], ports)] if before else []
    return Findings(values, {"aborts": {"delays_ms": delays_ms[:1000]}})


def abort_model(upstreams: Upstreams) -> RemoteModel:
    """What the gateway must serve for this."""
    return RemoteModel(MODEL, upstreams.primary, MODEL, provider="primary")


def match_departures(left: dict[str, int], arrivals: Sequence[Arrival]) -> list[float]:
    """
    Milliseconds from each client's leaving to the upstream's noticing.

    Args:
        left: when, in ns, by the prompt.
        arrivals: as the upstream saw them; those without a departure are over or never had one.
    """
    delays = []
    for arrival in arrivals:
        found = re.search(r"request \d{6}\.", arrival.body)
        if found and arrival.end == "left" and arrival.ended_ns and found[0] in left:
            delays.append((arrival.ended_ns - left[found[0]]) / 1e6)
    return delays


async def _leave_all(setup: FaultSetup, questions: Sequence[Question], patience: Sequence[float]) -> dict[str, int]:
    left: dict[str, int] = {}
    waiting = iter(zip(questions, patience, strict=True))

    async def work(client: Client) -> None:
        for question, patience_s in waiting:
            at_ns = await client.ask_and_leave(question, patience_s)
            if at_ns:
                left[question.prompt] = at_ns

    async with open_client(setup.subject) as client:
        await asyncio.gather(*[work(client) for _ in range(AT_ONCE)])
    return left


def _wait_for_quiet(setup: FaultSetup) -> None:
    deadline = time.monotonic() + SETTLED_S
    while setup.primary.stats().in_flight and time.monotonic() < deadline:
        time.sleep(0.1)


def _find_leaks(setup: FaultSetup, before: Holdings, ports: Sequence[int]) -> Finding:
    """The router gets some seconds to come to rest: kept connections of clients end by themselves."""
    assert setup.gateway is not None
    deadline = time.monotonic() + SETTLED_S
    while True:
        after = _look(setup.gateway, ports)
        tasks = 0 if after.tasks is None or before.tasks is None else max(0, after.tasks - before.tasks)
        descriptors = max(0, after.descriptors - before.descriptors)
        open_upstream = setup.primary.stats().in_flight
        if not (tasks + descriptors + open_upstream) or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    if after.tasks is None:
        return Finding("leaked_after_aborts", None, "the gateway's /metrics has no turnout_tasks")
    remark = f"{tasks} tasks, {descriptors} descriptors, {open_upstream} upstream requests after {setup.amount.aborts} aborts"
    return Finding("leaked_after_aborts", tasks + descriptors + open_upstream, remark)


def _look(gateway: Gateway, ports: Sequence[int]) -> Holdings:
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.config.port}/metrics", timeout=5) as answer:
        tasks = re.findall(r"^turnout_tasks\b.* (\S+)$", answer.read().decode(), re.MULTILINE)
    pids = [process.pid for process in gateway.find_replicas("router")]
    descriptors = sum(count_descriptors(pid, ports) for pid in pids)
    return Holdings(int(sum(map(float, tasks))) if tasks else None, descriptors)


def count_descriptors(pid: int, without_peers_at: Sequence[int]) -> int:
    """Open descriptors of a process, without its TCP connections to these ports."""
    excused = {f"socket:[{inode}]" for inode, peer_port in _connections() if peer_port in without_peers_at}
    count = 0
    for descriptor in os.listdir(f"/proc/{pid}/fd"):
        try:
            count += os.readlink(f"/proc/{pid}/fd/{descriptor}") not in excused
        except OSError:
            continue
    return count


def _connections() -> list[tuple[str, int]]:
    """Inode and peer's port of every TCP socket here."""
    found: list[tuple[str, int]] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(table) as lines:
            rows = map(str.split, list(lines)[1:])
            found += [(fields[9], int(fields[2].rpartition(":")[2], 16)) for fields in rows]
    return found
