"""The real thing: SmolLM2 on vLLM's CPU build and MiniLM, behind the route."""

import math
import os
import signal
import time
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.e2e.conftest import KEY, Running

pytestmark = [pytest.mark.ray, pytest.mark.vllm, pytest.mark.timeout(900)]
PARIS = [{"role": "user", "content": "What is the capital of France?"}]


@pytest.fixture
def client(local_cluster: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{local_cluster.url}/v1", api_key=KEY, max_retries=0, timeout=120) as made:
        yield made


def test_vllm_answers_through_the_route_unary_and_streamed_alike(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="smollm2", messages=PARIS, max_tokens=16, temperature=0)  # type: ignore[arg-type]
    assert "Paris" in (answer.choices[0].message.content or "")
    assert answer.usage is not None
    with client.chat.completions.create(
        model="smollm2",
        messages=PARIS,
        max_tokens=16,
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},  # type: ignore[call-overload]
    ) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == answer.choices[0].message.content
    assert chunks[-1].usage == answer.usage


def test_completions_pass_too_and_the_engine_s_own_refusals_say_why(client: openai.OpenAI) -> None:
    assert client.completions.create(model="smollm2", prompt="One, two, three,", max_tokens=4).choices[0].text
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(model="smollm2", messages=[{"role": "user", "content": "word " * 4000}])
    assert refused.value.code == "context_length_exceeded"


def test_embeddings_are_of_unit_length_and_near_for_near_meanings(client: openai.OpenAI) -> None:
    texts = ["A cat sits on the mat.", "A kitten rests on a rug.", "Interest rates rose in May."]
    cat, kitten, rates = (item.embedding for item in client.embeddings.create(model="minilm", input=texts).data)
    assert len(cat) == 384
    assert math.isclose(sum(x * x for x in cat), 1.0, rel_tol=1e-3)
    near, far = (sum(a * b for a, b in zip(cat, other, strict=True)) for other in (kitten, rates))
    assert near > far + 0.2


def running_in_vllm(cluster: Running) -> float:
    """Sequences running in the engine, as it says itself in the head of its answers and to Serve."""
    text = httpx.get(f"{cluster.url}/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("turnout_engine_running{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def test_a_client_that_leaves_ends_the_generation(client: openai.OpenAI, local_cluster: Running) -> None:
    stream = client.chat.completions.create(
        model="smollm2", messages=PARIS, max_tokens=1500, stream=True, extra_body={"ignore_eos": True}
    )  # type: ignore[call-overload]
    for _, _ in zip(range(5), stream, strict=False):
        pass
    deadline = time.monotonic() + 5
    while not running_in_vllm(local_cluster) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert running_in_vllm(local_cluster) == 1
    stream.close()
    left_at = time.monotonic()
    while running_in_vllm(local_cluster) and time.monotonic() < left_at + 10:
        time.sleep(0.05)
    assert time.monotonic() - left_at < 3, "1 s, and as much again for the statistics to come by (sent once a second)"


def test_a_killed_engine_comes_back_and_nobody_waits_for_a_dead_one(
    client: openai.OpenAI, local_cluster: Running
) -> None:
    cores = local_cluster.processes("VLLM::EngineCore")
    assert len(cores) == 1
    os.kill(cores[0].pid, signal.SIGKILL)
    deadline = time.monotonic() + 240
    statuses = set()
    while time.monotonic() < deadline:
        try:
            client.chat.completions.create(model="smollm2", messages=PARIS, max_tokens=4)  # type: ignore[arg-type]
            if local_cluster.processes("VLLM::EngineCore"):
                break
        except openai.APIStatusError as error:
            statuses.add(error.status_code)
            assert error.body
        time.sleep(0.5)
    else:
        raise AssertionError("the engine didn't come back")
    assert statuses <= {502, 503}
    assert [core.pid for core in local_cluster.processes("VLLM::EngineCore")] != [cores[0].pid]
