"""What the gateway adds to the first token of a real vLLM engine."""

import os
import random
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from turnout.benchmarks.bodies import chat_body
from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.load.plan import LoadPlan
from turnout.benchmarks.processes import end_processes, find_descendants
from turnout.benchmarks.rounds import Sample, Subject, compare_rounds, interleave, measure
from turnout.benchmarks.scenarios.setup import NotMeasurable, Setup

START_S = 240.0
ROUNDS = 24
REQUESTS = 4
COARSEST_MS = 2.0  # an error above the goal itself says nothing about it
MAX_TOKENS = 4
PROMPT_BYTES = 1000


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """
    A vLLM server that the gateway serves as one of its models.

    Attributes:
        base_url: its own port, with `/v1`.
        model: what it calls the model.
        public_model: what the gateway calls it.
        folder: with the weights, to start it here; None if it runs already.
    """

    base_url: str
    model: str
    public_model: str
    folder: Path | None


def measure_engine_ttft(setup: Setup, engine: EngineAddress) -> Findings:
    """
    `added_ttft_p50_ms_real_vllm`: one stream at a time, through the gateway less at the engine's own port.

    Many short rounds, because an engine's own time to first token wanders by more than the gateway adds.
    """
    with start_engine(engine):
        direct = Subject("engine", engine.base_url, engine.model)
        ours = replace(setup.turnout, model=engine.public_model)
        seed = setup.randomness.random()

        def plan(subject: Subject) -> LoadPlan:
            return LoadPlan(
                url="",
                body=_body(subject.model, seed),
                expected="[DONE]",
                requests=REQUESTS,
                give_up_s=60,
                raw_samples=REQUESTS,
            )

        for subject in (ours, direct):
            measure(setup.client, subject, plan(subject))
        samples = interleave(setup.client, (ours, direct), plan, ROUNDS, setup.randomness)
    difference = compare_rounds([_ttft_us(a) for a in samples[ours.name]], [_ttft_us(b) for b in samples[direct.name]])
    own_ms = statistics.median(_ttft_us(sample) for sample in samples[direct.name]) / 1e3
    remark = f"± {difference.error / 1e3:.2f}, to {own_ms:.1f} ms, {ROUNDS} rounds of {REQUESTS}"
    if difference.error / 1e3 > COARSEST_MS:
        why = f"the machine is too busy to tell: {difference.median / 1e3:.1f} ms {remark}"
        values = [Finding("added_ttft_p50_ms_real_vllm", None, why)]
    else:
        values = [Finding("added_ttft_p50_ms_real_vllm", difference.median / 1e3, remark)]
    return Findings(values, {"engine_ttft": msgspec.to_builtins(samples)})


@contextmanager
def start_engine(engine: EngineAddress) -> Iterator[None]:
    """vLLM's own server on 127.0.0.1 for the block; nothing is started if it runs already."""
    if engine.folder is None:
        yield
        return
    port = engine.base_url.rpartition(":")[2].partition("/")[0]
    command = [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", port, "--model", str(engine.folder),
        "--served-model-name", engine.model, "--dtype", "bfloat16", "--max-model-len", "2048", "--enforce-eager",
    ]  # fmt: skip
    defaults = {"VLLM_CPU_KVCACHE_SPACE": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"}
    process = subprocess.Popen(
        command, env={**defaults, **os.environ}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_until_healthy(process, f"http://127.0.0.1:{port}/health")
        yield
    finally:
        end_processes(find_descendants(process.pid), patience_s=5.0)
        process.wait()


def _wait_until_healthy(process: "subprocess.Popen[bytes]", url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=2).close()
        except (OSError, urllib.error.URLError):
            time.sleep(0.5)
        else:
            return
    raise NotMeasurable(f"vLLM doesn't answer at {url} after {START_S:.0f} s, or has ended")


def _body(model: str, seed: float) -> bytes:
    """
    The same prompt to the letter whoever is asked.

    Its whole blocks come out of the engine's prefix cache, and what is left is computed each time: another prompt of the same size may have ten
    milliseconds more of that.
    """
    return chat_body(model, PROMPT_BYTES + len(model), random.Random(seed), is_stream=True, max_tokens=MAX_TOKENS)


def _ttft_us(sample: Sample) -> float:
    return statistics.median(sample.result.ttft_samples_us)
