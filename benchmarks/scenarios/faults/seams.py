"""Streams that replicas of one pool break off, gone on with by another one: whether any token is lost or comes twice."""

import re
import urllib.request
from collections import Counter
from typing import Any

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway
from turnout.benchmarks.gateways.cluster_file import PoolModel
from turnout.benchmarks.rounds import BadAnswers
from turnout.benchmarks.scenarios.faults.asking import Question
from turnout.benchmarks.scenarios.faults.crowd import ask_all
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.faults.transcript import Reading, read_transcript
from turnout.benchmarks.scenarios.faults.volume import BREAKING, spread
from turnout.benchmarks.scenarios.setup import NotMeasurable

MODEL = "seams"
REPLICAS = 2
AT_ONCE = 16
TOKENS = 120
TEXT = " ".join(f"t{number:03}" for number in range(1, TOKENS + 1))
BROKEN_SHARE = 0.4
CONTEXT_TOKENS = 4096  # without a limit known, a request that names none can't be given the rest of one


def measure_seams(setup: FaultSetup) -> Findings:
    """`duplicated_or_lost_tokens`, of streams that were continued by their tokens; one that ended with an honest error counts what it had said."""
    gateway = setup.gateway
    if gateway is None:
        raise NotMeasurable("the replicas that break off are part of a gateway that this run starts")
    before = count_continuations(gateway)
    questions = [Question(MODEL, is_stream=True) for _ in range(setup.amount.seams)]
    readings = [read_transcript(transcript) for transcript in ask_all(setup.subject, questions, AT_ONCE)]
    after = count_continuations(gateway)
    ways = {way: int(count - before.get(way, 0)) for way, count in after.items()}
    if not ways.get("tokens"):
        raise BadAnswers(f"no stream was continued by its tokens; {_describe(readings)}")
    wrong = sum(count_wrong_tokens(reading) for reading in readings)
    remark = f"of {len(readings)} streams; continued: {ways}; {_describe(readings)}"
    return Findings([Finding("duplicated_or_lost_tokens", wrong, remark)], {"seams": {"continued": ways}})


def count_wrong_tokens(reading: Reading) -> int:
    """Tokens that came more or less often than they should; of an honestly broken answer only those that it said count."""
    words, expected = reading.text.split(), TEXT.split()
    if not reading.looks_finished:
        expected = expected[: len(words)]
    came, due = Counter(words), Counter(expected)
    difference = (came - due).total() + (due - came).total()
    return difference or int(words != expected)


def seam_pool(seed: int) -> PoolModel:
    """A pool of scripted engines that break two of five streams off at a random place."""
    places = [{**BREAKING[at % len(BREAKING)], "after_tokens": at} for at in range(1, TOKENS)]
    script: dict[str, Any] = {
        "text": {"values": [TEXT]},
        "context_tokens": CONTEXT_TOKENS,
        "faults": spread(places, BROKEN_SHARE),
    }
    args = {
        "script": {"seed": seed, "models": {"*": script}},
        "replicas": {"min": REPLICAS, "max": REPLICAS},
        "num_cpus": 0.1,
    }
    settings = {"retries": {"budget_share": 1.0}}  # it's the seams that count here, not how a pool recovers
    return PoolModel(
        MODEL, MODEL, "turnout.serve.apps:scripted_engine", args, settings=settings, target={"breaker": None}
    )


def count_continuations(gateway: Gateway) -> dict[str, float]:
    """What the gateway has counted, by way."""
    with urllib.request.urlopen(f"http://127.0.0.1:{gateway.config.port}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    counts: Counter[str] = Counter()
    for way, value in re.findall(r'^turnout_continuations_total\{[^}]*way="(\w+)"[^}]*\} (\S+)', text, re.MULTILINE):
        counts[way] += float(value)
    return dict(counts)


def _describe(readings: list[Reading]) -> str:
    whole = sum(reading.looks_finished for reading in readings)
    return f"{whole} whole, {len(readings) - whole} not"
