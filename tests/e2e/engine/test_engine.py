"""A real engine replica: vLLM on the CPU with SmolLM2, in Serve. The tests share one replica and run in order; the last ones kill parts of it."""

import asyncio
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from ray import serve

from tests.e2e.engine.token_ids import ASKING, read, stream, strip
from tests.ray_cluster import ray_cluster  # noqa: F401
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find
from turnout.models.target import Endpoint, Load
from turnout.serve.config.arguments import EngineArgs
from turnout.serve.discovery import Discovery
from turnout.serve.engine import Engine, engine_app

pytestmark = [
    pytest.mark.ray,
    pytest.mark.vllm,
    pytest.mark.timeout(400),
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("ray_cluster"),
]

POOL = "smollm2"
ARGS = EngineArgs(
    model="smollm2",
    engine_kwargs={"dtype": "bfloat16", "max_model_len": 2048, "enforce_eager": True},
    env={"VLLM_CPU_KVCACHE_SPACE": "1"},
    host="127.0.0.1",
    drain_s=20,
)
STARTS_WITHIN_S = 300  # 40 s on an idle machine


class Pool:
    """The pool as routers see it: endpoints by discovery, requests with the secret that came with them."""

    def __init__(self) -> None:
        self.endpoints: tuple[Endpoint, ...] = ()
        self.loads: dict[str, Load] = {}
        self._changed = asyncio.Event()
        self.discovery = Discovery(self._on_change, self._on_load)
        self.discovery.follow({POOL})

    def _on_change(self, pool: str, endpoints: tuple[Endpoint, ...]) -> None:
        self.endpoints = endpoints
        self._changed.set()

    def _on_load(self, pool: str, loads: dict[str, Load]) -> None:
        self.loads = loads
        self._changed.set()

    async def until(self, holds, within_s: float) -> None:
        async with asyncio.timeout(within_s):
            while not holds(self):
                self._changed.clear()
                await self._changed.wait()

    async def only_endpoint(self) -> Endpoint:
        await self.until(lambda seen: len(seen.endpoints) == 1, STARTS_WITHIN_S)
        return self.endpoints[0]

    async def client(self) -> httpx.AsyncClient:
        endpoint = await self.only_endpoint()
        headers = {name.decode(): value.decode() for name, value in endpoint.headers}
        return httpx.AsyncClient(base_url=f"http://{endpoint.host}:{endpoint.port}", headers=headers, timeout=60)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def pool(ray_cluster) -> AsyncIterator[Pool]:  # noqa: F811
    try:
        find("smollm2")
    except ModelNotOnDisk as error:
        pytest.skip(str(error))
    pool = Pool()
    await asyncio.to_thread(serve.run, engine_app(ARGS), name=POOL, route_prefix=None)
    yield pool
    await pool.discovery.close()
    await asyncio.to_thread(serve.delete, POOL)


@pytest_asyncio.fixture(loop_scope="module")
async def client(pool) -> AsyncIterator[httpx.AsyncClient]:
    async with await pool.client() as client:
        yield client


def chat(**more) -> dict[str, object]:
    return {
        "model": POOL,
        "messages": [{"role": "user", "content": "What is the capital of France?"}],
        "temperature": 0,
        **more,
    }


async def metric(client: httpx.AsyncClient, name: str) -> float:
    text = (await client.get("/metrics")).text
    return float(re.search(rf"^vllm:{name}{{[^}}]*}} (\S+)$", text, re.MULTILINE)[1])


def processes(named: str) -> set[int]:
    """Processes of this test's own engines, by the title that vLLM gives them; zombies don't count."""
    found = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as file:
                title = file.read()
            with open(f"/proc/{pid}/stat") as file:
                state, parent = file.read().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if named in title and state != "Z" and is_ours(int(parent)):
            found.add(int(pid))
    return found


def is_ours(pid: int) -> bool:
    """Whether a process descends from this test's Ray cluster, whose raylet is a child of this process."""
    while pid > 1:
        if pid == os.getpid():
            return True
        try:
            with open(f"/proc/{pid}/stat") as file:
                pid = int(file.read().rpartition(")")[2].split()[1])
        except OSError:
            return False
    return False


async def test_answers_a_chat_request_and_tells_its_load(client):
    answer = await client.post("/v1/chat/completions", json=chat(max_tokens=12))
    assert answer.status_code == 200
    assert "Paris" in answer.json()["choices"][0]["message"]["content"]
    assert answer.json()["model"] == POOL
    load = Load.try_parse(answer.headers["x-turnout-load"].encode())
    assert load is not None
    assert load.waiting == 0


async def test_streams_with_usage_to_the_end(client):
    request = chat(max_tokens=5, stream=True, stream_options={"include_usage": True})
    async with client.stream("POST", "/v1/chat/completions", json=request) as answer:
        lines = [line async for line in answer.aiter_lines() if line]
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "x-turnout-load" in answer.headers
    assert lines[-1] == "data: [DONE]"
    events = [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]
    assert events[-1]["usage"]["completion_tokens"] == 5
    assert any(choice["finish_reason"] == "length" for event in events for choice in event["choices"])


@pytest.mark.parametrize("secret", [None, "", "wrong"])
async def test_refuses_whoever_has_not_got_the_secret(pool, secret):
    endpoint = await pool.only_endpoint()
    headers = {} if secret is None else {"x-turnout-secret": secret}
    async with httpx.AsyncClient(base_url=f"http://{endpoint.host}:{endpoint.port}") as stranger:
        answers = [await stranger.get("/v1/models", headers=headers), await stranger.get("/metrics", headers=headers)]
    assert [answer.status_code for answer in answers] == [401, 401]


async def test_has_no_routes_but_those_that_routers_use(client):
    assert (await client.get("/v1/models")).json()["data"][0]["id"] == POOL
    for path in ("/docs", "/openapi.json", "/v1/responses", "/invocations", "/version", "/load"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/v1/chat/completions")).status_code == 405


async def test_vllms_own_refusals_come_through(client):
    assert (await client.post("/v1/chat/completions", json=chat(model="other"))).status_code == 404
    too_long = await client.post("/v1/chat/completions", json=chat(max_tokens=100_000))
    assert too_long.status_code == 400
    assert too_long.json()["error"]["message"]


async def test_a_client_that_leaves_stops_the_generation_within_a_second(client):
    for _ in range(3):
        async with client.stream("POST", "/v1/chat/completions", json=chat(max_tokens=1500, stream=True)) as answer:
            async for _line in answer.aiter_lines():
                break
        async with asyncio.timeout(1):
            while await metric(client, "num_requests_running") > 0:
                await asyncio.sleep(0.02)
    unary = asyncio.create_task(client.post("/v1/chat/completions", json=chat(max_tokens=1500)))
    while await metric(client, "num_requests_running") == 0:
        await asyncio.sleep(0.02)
    unary.cancel()
    await asyncio.gather(unary, return_exceptions=True)
    async with asyncio.timeout(1):
        while await metric(client, "num_requests_running") > 0:
            await asyncio.sleep(0.02)
    assert await metric(client, "num_requests_running") == 0


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"stream_options": {"include_usage": True, "continuous_usage_stats": True}},
        {"stop": ["France"]},
    ],
)
async def test_whoever_does_not_look_at_comments_gets_vllms_own_bytes(client, more):
    body = chat(max_tokens=10, **more)
    plain = await stream(client, "/v1/chat/completions", body)
    told = await stream(client, "/v1/chat/completions", body, **ASKING)
    assert b"\n:" not in plain
    assert told.startswith(b":p [")
    assert strip(told) == plain


async def test_a_completion_has_its_token_ids_too(client):
    body = {"model": POOL, "prompt": "The capital of France is", "max_tokens": 8, "temperature": 0}
    plain = await stream(client, "/v1/completions", body)
    told = await stream(client, "/v1/completions", body, **ASKING)
    assert strip(told) == plain
    assert len(read(told).ids()) == 8


async def test_several_choices_come_without_comments(client):
    assert b"\n:" not in await stream(client, "/v1/chat/completions", chat(max_tokens=3, n=2, temperature=1), **ASKING)


async def test_a_stream_goes_on_from_the_ids_that_were_told(pool, client):
    """That it goes on as it would have without the cut holds for float32, and is measured by the benchmark; bfloat16 breaks ties otherwise."""
    whole = read(await stream(client, "/v1/chat/completions", chat(max_tokens=24, ignore_eos=True), **ASKING))
    assert (await pool.only_endpoint()).context_tokens == 2048
    cut = max(at for at, (_, text) in enumerate(whole.steps[:8]) if text) + 1
    emitted = whole.ids(cut)
    left = {"max_tokens": 24 - len(emitted), "temperature": 0, "ignore_eos": True, "add_special_tokens": False}
    body = {"model": POOL, "prompt": [*whole.prompt, *emitted], **left}
    rest = read(await stream(client, "/v1/completions", body, **ASKING))
    assert rest.prompt == [*whole.prompt, *emitted]
    assert len(rest.ids()) == left["max_tokens"]
    print(f"{whole.text!r} against {''.join(text for _, text in whole.steps[:cut])!r} + {rest.text!r}")


async def test_load_reaches_routers_by_discovery(pool, client):
    busy = asyncio.create_task(client.post("/v1/chat/completions", json=chat(max_tokens=200, ignore_eos=True)))
    await pool.until(lambda seen: any(load.running == 1 for load in seen.loads.values()), 10)
    await busy
    await pool.until(lambda seen: all(load.running == 0 for load in seen.loads.values()), 10)
    assert list(pool.loads) == [pool.endpoints[0].id]


async def test_a_killed_engine_core_is_noticed_and_the_replica_replaced(pool, client):
    before = (await pool.only_endpoint()).id
    (core,) = processes("EngineCore")
    os.kill(core, signal.SIGKILL)
    killed_at = time.monotonic()
    async with asyncio.timeout(3):  # refused in words of our own, long before Serve has noticed
        while (await client.post("/v1/chat/completions", json=chat(max_tokens=4))).status_code != 503:
            await asyncio.sleep(0.05)
    await pool.until(lambda seen: all(endpoint.id != before for endpoint in seen.endpoints), 20)
    print(f"unlisted after {time.monotonic() - killed_at:.1f} s")
    async with await pool.client() as again:
        print(f"listed again after {time.monotonic() - killed_at:.1f} s")
        assert (await again.post("/v1/chat/completions", json=chat(max_tokens=4))).status_code == 200


async def test_no_engine_process_outlives_a_killed_replica_by_ten_seconds(pool):
    before = (await pool.only_endpoint()).id
    (replica,) = processes("ServeReplica:smollm2:Engine")
    family = processes("EngineCore") | processes("VLLM::Worker")
    assert family
    os.kill(replica, signal.SIGKILL)
    killed_at = time.monotonic()
    async with asyncio.timeout(10):
        while family & (processes("EngineCore") | processes("VLLM::Worker")):
            await asyncio.sleep(0.05)
    print(f"engine processes gone after {time.monotonic() - killed_at:.1f} s")
    await pool.until(lambda seen: all(endpoint.id != before for endpoint in seen.endpoints), 20)


async def test_a_stopped_replica_finishes_its_streams_and_leaves_no_process(pool):
    async with await pool.client() as client:
        answer = client.stream("POST", "/v1/chat/completions", json=chat(max_tokens=60, stream=True, ignore_eos=True))
        async with answer as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            stopping = asyncio.create_task(asyncio.to_thread(serve.delete, POOL))
            rest = [line async for line in lines if line]
    assert rest[-1] == "data: [DONE]"
    assert '"finish_reason":"length"' in rest[-2]
    await stopping
    assert pool.endpoints == ()
    async with asyncio.timeout(10):
        while processes("EngineCore") | processes("VLLM::Worker"):
            await asyncio.sleep(0.05)


async def test_an_unknown_engine_argument_fails_the_start_in_plain_words():
    args = ARGS.model_copy(update={"engine_kwargs": {"max_model_length": 5}})
    app = serve.deployment(Engine).options(name="Engine", max_constructor_retry_count=1).bind(args)
    with pytest.raises(RuntimeError):
        await asyncio.to_thread(serve.run, app, name="wrong", route_prefix=None)
    message = serve.status().applications["wrong"].deployments["Engine"].message
    assert "did you mean 'max_model_len'" in message
    await asyncio.to_thread(serve.delete, "wrong")
