"""Whether an answer that two real engines gave between them is the one that a single engine gives."""

import re
import time
import urllib.request

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import Gateway, GatewayFailed, start_gateway
from turnout.benchmarks.gateways.cluster_file import PoolModel
from turnout.benchmarks.rounds import BadAnswers
from turnout.benchmarks.scenarios.faults.asking import Question
from turnout.benchmarks.scenarios.faults.crowd import ask_all
from turnout.benchmarks.scenarios.faults.seams import count_continuations
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.faults.transcript import Reading, read_transcript
from turnout.benchmarks.scenarios.setup import NotMeasurable
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

MODEL, WEIGHTS = "exact", "smollm2"
REPLICAS = 2
START_S = 400.0
MAX_TOKENS = 48
PATIENCE_S = 120.0
SUBJECTS = (
    "rain", "bread", "the sea", "trains", "snow", "music", "a garden", "the moon", "tea", "a bridge",
    "winter", "a cat", "books", "a river", "clocks", "apples", "mountains", "a letter", "stars", "a market",
)  # fmt: skip


def measure_exactness(setup: FaultSetup) -> Findings:
    """`continued_equals_uninterrupted_float32`: each prompt as a whole answer, which nothing breaks, and as a stream, which its engine breaks off."""
    if setup.load is None:
        raise NotMeasurable("the engines that break off are part of a cluster that this run starts")
    try:
        find(WEIGHTS)
    except ModelNotOnDisk as error:
        raise NotMeasurable(str(error)) from error
    with start_gateway([], pools=[exact_pool()], start_s=START_S) as gateway:
        _wait_for_engines(gateway)
        whole, streamed = (_ask(gateway, is_stream=is_stream) for is_stream in (False, True))
        continued = count_continuations(gateway)
    same = sum(a.text == b.text and b.looks_finished for a, b in zip(whole, streamed, strict=True))
    if continued.get("tokens", 0) < len(SUBJECTS) / 2:
        raise BadAnswers(f"too few streams were continued by their tokens: {continued}")
    remark = f"{same} of {len(SUBJECTS)} prompts, greedy, {MAX_TOKENS} tokens; continued: {continued}"
    pairs = [{"whole": a.text, "continued": b.text} for a, b in zip(whole, streamed, strict=True)]
    return Findings([Finding("continued_equals_uninterrupted_float32", same / len(SUBJECTS), remark)], {"exact": pairs})


def exact_pool() -> PoolModel:
    """Two engines in float32: in bfloat16 two equally likely tokens may fall otherwise in another batch."""
    args = {
        "model": WEIGHTS,
        "engine_kwargs": {"dtype": "float32", "max_model_len": 1024, "enforce_eager": True},
        "env": {"VLLM_CPU_KVCACHE_SPACE": "1"},
        "replicas": {"min": REPLICAS, "max": REPLICAS},
        "num_cpus": 0.1,  # what Ray sets aside, not a limit: both must fit beside router and control
    }
    application = "turnout.benchmarks.scenarios.faults.breaking_engine:breaking_engine"
    settings = {"retries": {"budget_share": 1.0}}
    return PoolModel(MODEL, MODEL, application, args, settings=settings, target={"breaker": None})


def _ask(gateway: Gateway, *, is_stream: bool) -> list[Reading]:
    questions = [
        Question(MODEL, is_stream, f"Write about {subject}.", patience_s=PATIENCE_S, max_tokens=MAX_TOKENS)
        for subject in SUBJECTS
    ]
    readings = [read_transcript(each) for each in ask_all(gateway.subject(MODEL), questions, at_once=2)]
    if not is_stream and not all(reading.looks_finished for reading in readings):
        raise BadAnswers("an engine didn't give a whole answer")
    return readings


def _wait_for_engines(gateway: Gateway) -> None:
    deadline = time.monotonic() + START_S
    wanted = rf'^turnout_target_endpoints\{{[^}}]*turnout_target="{MODEL}-local"[^}}]*\}} {REPLICAS}\.0$'
    while time.monotonic() < deadline and gateway.process.poll() is None:
        with urllib.request.urlopen(f"http://127.0.0.1:{gateway.config.port}/metrics", timeout=5) as answer:
            if re.search(wanted, answer.read().decode(), re.MULTILINE):
                return
        time.sleep(1.0)
    raise GatewayFailed(f"not {REPLICAS} engines after {START_S:.0f} s")
