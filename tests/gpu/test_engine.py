"""A pool on a real GPU: what `deployments/single-gpu.yaml` describes, with the small model."""

import shutil
import subprocess
from collections.abc import Iterator

import openai
import pytest

from tests.e2e.conftest import KEY, Running, application, start

pytestmark = [pytest.mark.gpu, pytest.mark.ray, pytest.mark.vllm, pytest.mark.timeout(900)]


def has_gpu() -> bool:
    """Whether a driver lists an NVIDIA GPU."""
    tool = shutil.which("nvidia-smi")
    return tool is not None and subprocess.run([tool, "-L"], capture_output=True, check=False).stdout.startswith(b"GPU")


@pytest.fixture(scope="module")
def gpu_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if not has_gpu():
        pytest.skip("no NVIDIA GPU here")
    engine = {
        "kind": "engine",
        "model": "smollm2",
        "engine_kwargs": {"max_model_len": 2048, "gpu_memory_utilization": 0.3},
        "num_cpus": 0.5,
        "num_gpus": 1,
    }
    models: list[dict[str, object]] = [{"name": "smollm2", "targets": [{"name": "smollm2-gpu", "pool": "smollm2"}]}]
    yield from start(tmp_path_factory.mktemp("gpu"), [application("smollm2", engine)], models, routers=1)


def test_a_pool_on_a_gpu_answers_unary_and_streamed_alike(gpu_cluster: Running) -> None:
    asked: dict[str, object] = {
        "model": "smollm2",
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "max_tokens": 16,
        "temperature": 0,
    }
    with openai.OpenAI(base_url=f"{gpu_cluster.url}/v1", api_key=KEY, max_retries=0, timeout=120) as client:
        whole = client.chat.completions.create(**asked)  # type: ignore[call-overload]
        with client.chat.completions.create(**asked, stream=True) as stream:  # type: ignore[call-overload]
            text = "".join(chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices)
    assert "Paris" in text
    assert text == whole.choices[0].message.content
