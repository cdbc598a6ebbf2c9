"""
Why the embedder doesn't use `@serve.batch` (ADR 0006): it closes a batch after a fixed wait, whether or not the model is free.

Run with `-s` to see the figures. When the first test fails, Serve fills batches while one runs, and the ADR can be looked at again.
"""

import asyncio
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest
from ray import serve

from tests.ray_cluster import ray_cluster  # noqa: F401
from turnout.models.embedding.coalescer import BatchLimits, Coalescer

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

PASS_S, TEXT_S = 0.015, 0.004
"""What a pass of MiniLM costs on one thread, and each text of ~14 tokens in it; about 50 texts a second one by one, 230 in batches of 32."""

RATE, TEXTS = 100, 500


class Model:
    """As slow as MiniLM, without its arithmetic, so that the figures are those of the batching."""

    dimensions, max_tokens = 1, 256

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def tokenize(self, texts: Sequence[str]) -> list[list[int]]:
        return [[0]] * len(texts)

    def embed(self, batch: Sequence[object]) -> np.ndarray:
        self.sizes.append(len(batch))
        time.sleep(PASS_S + TEXT_S * len(batch))
        return np.zeros((len(batch), 1), dtype=np.float32)


class Batching:
    """Both ways side by side in a replica, where `@serve.batch` needs to be."""

    async def __init__(self) -> None:
        self.model = Model()

    @serve.batch(max_batch_size=32, batch_wait_timeout_s=0.002)
    async def by_serve(self, texts: list[object]) -> list[object]:
        return list(await asyncio.to_thread(self.model.embed, texts))

    async def one_by_handle(self) -> None:
        await self.by_serve([0])

    async def mean_batch(self) -> float:
        return statistics.mean(self.model.sizes)

    async def measure(self, way: str) -> dict[str, float]:
        """Poisson arrivals at `RATE`, the same for both ways: mean batch, texts a second, and latencies in ms."""
        async with Coalescer(self.model, BatchLimits(texts=32)) as coalescer:
            ways: dict[str, Callable[[object], Awaitable[object]]] = {
                "by_serve": self.by_serve,
                "coalescer": lambda text: coalescer.embed([text]),
            }
            return await self._drive(ways[way])

    async def _drive(self, embed: Callable[[object], Awaitable[object]]) -> dict[str, float]:
        self.model.sizes.clear()
        draw = random.Random(7)
        waits: list[float] = []

        async def one(due: float) -> None:
            await embed([0])
            waits.append(time.perf_counter() - due)

        begun = due = time.perf_counter()
        tasks = []
        for _ in range(TEXTS):
            due += draw.expovariate(RATE)
            await asyncio.sleep(max(0, due - time.perf_counter()))
            tasks.append(asyncio.create_task(one(due)))
        await asyncio.gather(*tasks)
        return {
            "mean_batch": statistics.mean(self.model.sizes),
            "per_s": TEXTS / (time.perf_counter() - begun),
            "p50_ms": 1e3 * statistics.median(waits),
            "p99_ms": 1e3 * statistics.quantiles(waits, n=100)[98],
        }


async def deploy(**options: int):
    deployment = serve.deployment(Batching).options(ray_actor_options={"num_cpus": 0.1}, **options)
    return await asyncio.to_thread(serve.run, deployment.bind(), name="batching", route_prefix=None)


@pytest.fixture(autouse=True)
async def deleted_after(ray_cluster):  # noqa: F811
    yield
    await asyncio.to_thread(serve.delete, "batching")


async def test_serve_closes_batches_while_the_model_is_busy_and_the_coalescer_fills_them():
    batching = await deploy(max_ongoing_requests=100)
    by_serve = await batching.measure.remote("by_serve")
    coalescer = await batching.measure.remote("coalescer")
    for way, figures in (("@serve.batch", by_serve), ("coalescer", coalescer)):
        print(f"{way}: " + ", ".join(f"{name} {value:.1f}" for name, value in figures.items()))
    assert by_serve["mean_batch"] < 2
    assert coalescer["mean_batch"] > 1.5 * by_serve["mean_batch"]
    assert coalescer["p50_ms"] < by_serve["p50_ms"] / 3


async def test_serves_default_of_five_ongoing_requests_caps_batches_of_handle_calls_at_five():
    batching = await deploy()

    async def caller() -> None:
        for _ in range(2):
            await batching.one_by_handle.remote()

    await asyncio.gather(*(caller() for _ in range(32)))
    mean_batch = await batching.mean_batch.remote()
    print(f"32 callers by handle, max_ongoing_requests 5: mean batch {mean_batch:.1f} of 32")
    assert mean_batch <= 5
