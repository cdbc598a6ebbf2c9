"""What a rule costs that chooses a model: each of its conditions by itself, on a request that it fits."""

import asyncio
import time
from collections.abc import Mapping
from datetime import time as wall_time
from statistics import median
from zoneinfo import ZoneInfo

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.models.access import Principal
from turnout.models.openai.request import Operation, parse_request
from turnout.models.target import Capability, Target
from turnout.router.call import Arrival, Call
from turnout.router.catalogue import ModelRoute
from turnout.router.choose.asked import Asked
from turnout.router.choose.rules import RuleList
from turnout.router.choose.terms import Hours, Rule, Rules, Share, When
from turnout.router.values import Constraints, Features

_BODY = (
    b'{"model":"chat","stream":true,"metadata":{"tags":["night","batch"]},"tools":[{"type":"function","function":{"name":"f"}}],'
    b'"messages":[{"role":"user","content":"'
    + b"What is the difference between a list and a tuple in Python? " * 16
    + b'"}]}'
)
_ASKED_AT_NS = 1_800_000_000_000_000_000
_ALWAYS = Hours(wall_time(0), wall_time(0), frozenset(range(7)), ZoneInfo("Europe/Berlin"))
_CONDITIONS: Mapping[str, When] = {
    "tenant": When({"tenant": ("zeta", "ac*")}),
    "header": When(headers={"x-app": ("batch",)}),
    "tag": When({"tag": ("night",)}),
    "prompt_tokens": When(least_tokens=10, most_tokens=10_000),
    "has": When(has=frozenset({Capability.TOOLS})),
    "stream": When(is_stream=True),
    "time": When(hours=_ALWAYS),
    "share": When(share=Share(1.0)),
    "language": When({"language": ("en",)}),
}


def measure_rules(setup: RoutingSetup) -> Findings:
    """`rule_us`: CPU time of the dearest condition, the median of batches; `language` has been told before, as it is once a request."""
    rounds = 20 if setup.is_quick else 100
    costs_us = asyncio.run(_time_all(rounds))
    dearest = max(costs_us, key=lambda name: costs_us[name])
    remark = ", ".join(f"{name} {cost:.2f}" for name, cost in costs_us.items())
    return Findings([Finding("rule_us", costs_us[dearest], f"{dearest}; {remark}")], {"conditions_us": costs_us})


async def _time_all(rounds: int) -> dict[str, float]:
    asked = _ask()
    return {name: await _time(when, asked, rounds) for name, when in _CONDITIONS.items()}


async def _time(when: When, asked: Asked, rounds: int, batch: int = 500) -> float:
    rules = RuleList(Rules((Rule(when, "other"),)), "chat")
    if await rules.choose(asked) is None:
        raise RuntimeError(f"the request doesn't fit {when!r}, so nothing was measured")
    times_us: list[float] = []
    for _ in range(rounds):
        began = time.thread_time_ns()
        for _ in range(batch):
            await rules.choose(asked)
        times_us.append((time.thread_time_ns() - began) / batch / 1e3)
    return median(times_us)


def _ask() -> Asked:
    request = parse_request(Operation.CHAT, _BODY)
    call = Call(
        Arrival("req-1", b"req-1", 0.0, _ASKED_AT_NS),
        Principal("acme", "k-1", team="search", user="alice", tier="gold", tags=("red",)),
        request,
        Constraints(False, 600.0),
        Features(300, None),
        ModelRoute("chat", (Target("here", "up", "openai_compatible"),)),
    )
    return Asked(call, {b"x-app": b"batch"})
