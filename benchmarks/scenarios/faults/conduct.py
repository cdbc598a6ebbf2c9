"""Plays the scenarios side by side, each with models of its own, and has them judged."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.faults.asking import Client, Question, open_client
from turnout.benchmarks.scenarios.faults.mocks import Mock
from turnout.benchmarks.scenarios.faults.suite import FLAP_REQUESTS_PER_S, PRIMARY_TEXT, Scenario
from turnout.benchmarks.scenarios.faults.transcript import Transcript
from turnout.benchmarks.scenarios.faults.verdict import Evidence, Verdict
from turnout.benchmarks.scenarios.faults.wiring import (
    FORMS,
    fallback_name,
    fallback_scripts,
    model_name,
    primary_scripts,
)

PATIENCE_S = 60.0
SHORTEST_PATIENCE_S = 12.0


@dataclass(frozen=True, slots=True)
class Stage:
    """
    What scenarios are played on.

    Attributes:
        subject: the gateway.
        primary, fallback: the mocks behind it.
        scale: of the scenarios' seconds.
    """

    subject: Subject
    primary: Mock
    fallback: Mock
    scale: float


@dataclass(frozen=True, slots=True)
class Result:
    """One scenario in one form, with what it was judged by."""

    scenario: Scenario
    form: str
    verdict: Verdict
    evidence: Evidence


def conduct(suite: Sequence[Scenario], stage: Stage) -> list[Result]:
    """Every scenario in both forms, all at once."""
    stage.primary.play({"models": primary_scripts(suite, stage.scale)})
    stage.fallback.play({"models": fallback_scripts(suite, stage.scale)})
    begun_ns = time.monotonic_ns()
    plays = [(scenario, form) for scenario in suite for form in FORMS]
    transcripts = asyncio.run(_play_all(plays, stage))
    return [
        _judge(scenario, form, seen, stage, begun_ns) for (scenario, form), seen in zip(plays, transcripts, strict=True)
    ]


async def _play_all(plays: Sequence[tuple[Scenario, str]], stage: Stage) -> list[Sequence[Transcript]]:
    async with open_client(stage.subject) as client:
        return list(await asyncio.gather(*[_play(scenario, form, client, stage.scale) for scenario, form in plays]))


async def _play(scenario: Scenario, form: str, client: Client, scale: float) -> Sequence[Transcript]:
    question = Question(
        model=model_name(scenario, form),
        is_stream=form == "stream",
        headers=tuple((name, f"{seconds * scale:g}") for name, seconds in scenario.headers.items()),
        patience_s=max(SHORTEST_PATIENCE_S, PATIENCE_S * scale),
    )
    if scenario.repeats_for_s is None:
        return [await client.ask(question)]
    asked = []
    ends_at = time.monotonic() + scenario.repeats_for_s(scale)
    while time.monotonic() < ends_at:
        asked.append(asyncio.ensure_future(client.ask(question)))
        await asyncio.sleep(scale / FLAP_REQUESTS_PER_S)
    return await asyncio.gather(*asked)


def _judge(scenario: Scenario, form: str, transcripts: Sequence[Transcript], stage: Stage, begun_ns: int) -> Result:
    name = model_name(scenario, form)
    evidence = Evidence(
        transcripts=transcripts,
        primary=stage.primary.arrivals(name),
        fallback=stage.fallback.arrivals(fallback_name(name)),
        primary_text=PRIMARY_TEXT,
        fallback_text=scenario.fallback_text,
        fallback_model=fallback_name(name),
        scale=stage.scale,
        begun_ns=begun_ns,
    )
    return Result(scenario, form, scenario.judge(evidence), evidence)
