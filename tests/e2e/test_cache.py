"""Kept answers in a whole cluster: two routers share them, a purge holds at both, with OpenAI's own client."""

import concurrent.futures
import json
import secrets
from collections.abc import Iterator

import httpx
import openai
import pytest
import yaml

from tests.e2e.conftest import KEY, Running

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def cluster(remote_cluster: Running) -> Iterator[Running]:
    """The remote cluster with a cache that its two routers share, until the end of this module."""
    before = remote_cluster.file.read_text()
    document = yaml.safe_load(before)
    router = document["applications"][-1]
    router["args"]["cache"] = {"folder": str(remote_cluster.home / "cache")}
    router["deployments"][0]["user_config"]["cache"] = {"exact": True}
    apply(remote_cluster, yaml.safe_dump(document))
    yield remote_cluster
    apply(remote_cluster, before)


def apply(cluster: Running, text: str) -> None:
    cluster.file.write_text(text)
    applied = cluster.turnout("apply", str(cluster.file), timeout_s=240)
    assert applied.returncode == 0, applied.stdout + applied.stderr


def ask(cluster: Running, content: str, **fields: object) -> httpx.Response:
    """One request on a connection of its own, so that either router may get it."""
    body = {"model": "mock", "messages": [{"role": "user", "content": content}], **fields}
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.post(f"{cluster.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def test_what_one_router_kept_both_give_and_openais_client_takes_it_as_a_stream(cluster: Running) -> None:
    content = f"hello {secrets.token_hex(8)}"
    first = ask(cluster, content)
    assert first.headers["x-turnout-cache"] == "miss"
    asked = cluster.mock("stats")
    again = [ask(cluster, content) for _ in range(12)]
    assert {answer.headers["x-turnout-cache"] for answer in again} == {"hit-exact"}
    assert {answer.content for answer in again} == {first.content}
    client = openai.OpenAI(base_url=f"{cluster.url}/v1", api_key=KEY)
    with client.chat.completions.create(
        model="mock",
        messages=[{"role": "user", "content": content}],
        stream=True,
        stream_options={"include_usage": True},
    ) as stream:
        chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == first.json()["choices"][0]["message"]["content"]
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == first.json()["usage"]["total_tokens"]
    assert cluster.mock("stats") == asked


def test_many_at_once_ask_the_model_once_a_router_at_most(cluster: Running) -> None:
    content = f"hello {secrets.token_hex(8)}"
    before = json.loads(json.dumps(cluster.mock("stats")))
    cluster.mock("script", "PUT", models={"*": {"latency": {"ttft_s": 1}}})
    try:
        with concurrent.futures.ThreadPoolExecutor(24) as pool:
            answers = list(pool.map(lambda _: ask(cluster, content), range(24)))
    finally:
        cluster.mock("script", "PUT", models={"*": {}})
    assert {answer.status_code for answer in answers} == {200}
    assert 1 <= sum(answer.headers["x-turnout-cache"] == "miss" for answer in answers) <= 2
    assert cluster.mock("stats") != before


def test_a_purge_holds_at_both_routers_when_it_returns(cluster: Running) -> None:
    content = f"hello {secrets.token_hex(8)}"
    ask(cluster, content, cache={"tags": ["doc-1"]})
    assert ask(cluster, content).headers["x-turnout-cache"] == "hit-exact"
    told = cluster.turnout("cache", "purge", "--tag", "doc-1", "--file", str(cluster.file))
    assert told.returncode == 0, told.stdout + told.stderr
    assert "purged tag doc-1; 2 routers" in told.stdout
    assert ask(cluster, content, cache={"no-store": True}).headers["x-turnout-cache"] == "miss"
    answers = [ask(cluster, content, cache={"no-store": True}) for _ in range(8)]
    assert {answer.headers["x-turnout-cache"] for answer in answers} == {"miss"}
