"""A pool without a model, in a real Serve: found as engines are, its replicas go on where another one stopped."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from ray import serve

from tests.ray_cluster import ray_cluster  # noqa: F401
from turnout.models.target import Endpoint, Load
from turnout.serve.config.arguments import ScriptedEngineArgs
from turnout.serve.discovery import Discovery
from turnout.serve.scripted import scripted_engine_app

pytestmark = [pytest.mark.ray, pytest.mark.asyncio(loop_scope="module"), pytest.mark.usefixtures("ray_cluster")]

POOL = "scripted"
ARGS = ScriptedEngineArgs.model_validate(
    {
        "script": {"models": {"*": {"text": {"kind": "lorem", "tokens": 8}, "context_tokens": 512}}},
        "replicas": {"min": 2, "max": 2},
        "num_cpus": 0.1,
        "host": "127.0.0.1",
    }
)
CHAT = {"model": POOL, "messages": [{"role": "user", "content": "hi there"}], "stream": True}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def endpoints(ray_cluster) -> AsyncIterator[tuple[Endpoint, ...]]:  # noqa: F811
    listed: asyncio.Future[tuple[Endpoint, ...]] = asyncio.get_running_loop().create_future()

    def on_change(pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        if len(endpoints) == 2 and not listed.done():
            listed.set_result(endpoints)

    discovery = Discovery(on_change)
    discovery.follow({POOL})
    await asyncio.to_thread(serve.run, scripted_engine_app(ARGS), name=POOL, route_prefix=None)
    yield await asyncio.wait_for(listed, 30)
    await discovery.close()
    await asyncio.to_thread(serve.delete, POOL)


async def ask(endpoint: Endpoint, path: str, body: dict[str, object], **headers: str) -> httpx.Response:
    secret = {name.decode(): value.decode() for name, value in endpoint.headers}
    async with httpx.AsyncClient(base_url=f"http://{endpoint.host}:{endpoint.port}", timeout=10) as client:
        return await client.post(path, json=body, headers={**secret, **headers})


async def test_routers_find_it_with_its_load_and_its_context(endpoints):
    assert [endpoint.context_tokens for endpoint in endpoints] == [512, 512]
    answer = await ask(endpoints[0], "/v1/chat/completions", {**CHAT, "stream": False})
    assert answer.status_code == 200
    assert Load.try_parse(answer.headers["x-turnout-load"].encode()) == Load(1, 0, 0.0, 0)
    stranger = await ask(Endpoint("x", "127.0.0.1", endpoints[0].port), "/v1/chat/completions", CHAT)
    assert stranger.status_code == 401


async def test_a_replica_goes_on_by_the_ids_that_another_one_gave(endpoints):
    first, other = endpoints
    stream = (await ask(first, "/v1/chat/completions", CHAT, **{"x-turnout-token-ids": "1"})).text
    lines = stream.splitlines()
    (prompt,) = (json.loads(line[3:]) for line in lines if line.startswith(":p "))
    ids = [token for line in lines if line.startswith(":t ") for token in json.loads(line[3:])]
    texts = [json.loads(line[6:])["choices"][0]["delta"].get("content", "") for line in lines if '"delta"' in line]
    assert (len(prompt), len(ids)) == (2, 8)
    resumed = await ask(other, "/v1/completions", {"model": POOL, "prompt": prompt + ids[:5]})
    assert "".join(texts[:6]) + resumed.json()["choices"][0]["text"] == "".join(texts)
