"""A real embedder replica: MiniLM behind its own listener, in Serve."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
import pytest_asyncio
from ray import serve

from tests.ray_cluster import ray_cluster  # noqa: F401
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find
from turnout.models.http.collect import call
from turnout.models.http.upstream import HttpUpstream
from turnout.models.target import Endpoint, Load
from turnout.models.upstream import UpstreamRequest
from turnout.serve.config.arguments import EmbedderArgs
from turnout.serve.discovery import Discovery
from turnout.serve.embedder import embedder_app

pytestmark = [
    pytest.mark.ray,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="module"),
]

POOL = "minilm"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoint(ray_cluster) -> AsyncIterator[Endpoint]:  # noqa: F811
    pytest.importorskip("sentence_transformers")
    try:
        find("minilm")
    except ModelNotOnDisk as error:
        pytest.skip(str(error))
    found: asyncio.Queue[Endpoint] = asyncio.Queue()
    discovery = Discovery(lambda pool, endpoints: [found.put_nowait(each) for each in endpoints])
    discovery.follow({POOL})
    app = embedder_app(EmbedderArgs(model="minilm", host="127.0.0.1", drain_s=5))
    await asyncio.to_thread(serve.run, app, name=POOL, route_prefix=None)
    yield await asyncio.wait_for(found.get(), 60)
    await discovery.close()
    await asyncio.to_thread(serve.delete, POOL)


@pytest_asyncio.fixture(loop_scope="module")
async def client(endpoint) -> AsyncIterator[httpx.AsyncClient]:
    headers = {name.decode(): value.decode() for name, value in endpoint.headers}
    async with httpx.AsyncClient(
        base_url=f"http://{endpoint.host}:{endpoint.port}", headers=headers, timeout=60
    ) as client:
        yield client


async def test_answers_with_vectors_usage_and_load(client):
    texts = ["Paris is the capital of France", "France is governed from Paris", "I like cheese"]
    answer = await client.post("/v1/embeddings", json={"model": POOL, "input": texts})
    assert answer.status_code == 200
    body = answer.json()
    vectors = np.array([item["embedding"] for item in body["data"]])
    assert vectors.shape == (3, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert body["usage"] == {"prompt_tokens": 20, "total_tokens": 20}
    assert Load.try_parse(answer.headers["x-turnout-load"].encode()) is not None


async def test_base64_carries_the_same_vectors(client):
    request = {"model": POOL, "input": "hello"}
    plain = (await client.post("/v1/embeddings", json=request)).json()["data"][0]["embedding"]
    packed = (await client.post("/v1/embeddings", json=request | {"encoding_format": "base64"})).json()
    unpacked = np.frombuffer(base64.b64decode(packed["data"][0]["embedding"]), dtype="<f4")
    np.testing.assert_allclose(unpacked, plain, atol=1e-6)


async def test_refuses_strangers_bad_input_and_other_routes(endpoint, client):
    async with httpx.AsyncClient(base_url=f"http://{endpoint.host}:{endpoint.port}") as stranger:
        assert (await stranger.post("/v1/embeddings", json={"model": POOL, "input": "x"})).status_code == 401
    too_long = await client.post("/v1/embeddings", json={"model": POOL, "input": "word " * 300})
    assert too_long.status_code == 400
    assert too_long.json()["error"]["code"] == "context_length_exceeded"
    assert (await client.post("/v1/embeddings", json={"model": "other", "input": "x"})).status_code == 404
    assert (await client.get("/v1/models")).status_code == 404


async def test_many_callers_share_passes_through_the_model(endpoint):
    """64 callers of short texts are answered at more than twice the rate of one caller: 4 times where nothing else runs."""
    upstream = HttpUpstream()

    async def ask(number: int) -> None:
        body = b'{"model": "minilm", "input": "What is the capital of country number %d?"}' % number
        answer = await call(upstream, endpoint, UpstreamRequest("/embeddings", body, False), 30)
        assert answer.status == 200

    async def rate(callers: int, each: int) -> float:
        async def caller(first: int) -> None:
            for number in range(each):
                await ask(first + number)

        begun = time.perf_counter()
        await asyncio.gather(*(caller(1000 * number) for number in range(callers)))
        return callers * each / (time.perf_counter() - begun)

    try:
        await ask(0)
        alone, together = await rate(1, 60), await rate(64, 6)
    finally:
        await upstream.close()
    print(f"one caller {alone:.0f} texts/s, 64 callers {together:.0f} texts/s: {together / alone:.1f} times")
    assert together > 2 * alone
