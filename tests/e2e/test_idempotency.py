"""The same request twice, in a whole cluster: two routers know one another's keys by way of Redis, as a user with several would have it."""

import concurrent.futures
import os
import secrets
import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
import yaml

from tests.e2e.conftest import KEY, Running

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
REDIS = os.environ.get("TURNOUT_TEST_REDIS", "redis://127.0.0.1:6379/0")


@pytest.fixture(scope="module")
def cluster(remote_cluster: Running) -> Iterator[Running]:
    """The remote cluster whose routers share their keys, until the end of this module."""
    address = urlsplit(REDIS)
    try:
        socket.create_connection((address.hostname or "", address.port or 6379), timeout=1).close()
    except OSError:
        pytest.skip(f"no Redis at {REDIS}")
    (remote_cluster.home / "redis.url").write_text(REDIS)
    before = remote_cluster.file.read_text()
    document = yaml.safe_load(before)
    document["applications"][-1]["args"]["idempotency"] = {"redis": f"file:{remote_cluster.home / 'redis.url'}"}
    apply(remote_cluster, yaml.safe_dump(document))
    yield remote_cluster
    apply(remote_cluster, before)


def apply(cluster: Running, text: str) -> None:
    cluster.file.write_text(text)
    applied = cluster.turnout("apply", str(cluster.file), timeout_s=240)
    assert applied.returncode == 0, applied.stdout + applied.stderr


def ask(cluster: Running, once: str, content: str = "hi") -> httpx.Response:
    """One request on a connection of its own, so that either router may get it."""
    headers = {"authorization": f"Bearer {KEY}", "idempotency-key": once}
    body = {"model": "mock", "messages": [{"role": "user", "content": content}]}
    return httpx.post(f"{cluster.url}/v1/chat/completions", json=body, headers=headers, timeout=30)


def test_a_key_gets_its_first_answer_from_either_router_and_the_model_is_asked_once(cluster: Running) -> None:
    once = secrets.token_hex(8)
    first = ask(cluster, once)
    assert first.status_code == 200
    assert "x-turnout-idempotent-replay" not in first.headers
    asked = cluster.mock("stats")
    again = [answer for answer in (ask(cluster, once) for _ in range(12)) if answer.status_code != 409]
    assert {(answer.status_code, answer.content) for answer in again} == {(200, first.content)}
    assert {answer.headers["x-turnout-idempotent-replay"] for answer in again} == {"true"}
    assert cluster.mock("stats") == asked


def test_a_key_of_another_body_is_refused_by_either_router(cluster: Running) -> None:
    once = secrets.token_hex(8)
    assert ask(cluster, once).status_code == 200
    answers = [
        answer for answer in (ask(cluster, once, "something else") for _ in range(8)) if answer.status_code != 409
    ]
    assert {(answer.status_code, answer.json()["error"]["code"]) for answer in answers} == {
        (422, "idempotency_key_reused")
    }


def test_of_many_at_once_one_is_answered_and_the_others_are_told_that_it_is_under_way(cluster: Running) -> None:
    once = secrets.token_hex(8)
    cluster.mock("script", "PUT", models={"*": {"latency": {"ttft_s": 1}}})
    try:
        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            answers = list(pool.map(lambda _: ask(cluster, once), range(12)))
    finally:
        cluster.mock("script", "PUT", models={"*": {}})
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, *[409] * 11]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert (refused.json()["error"]["code"], refused.headers["retry-after"]) == ("idempotency_key_in_use", "1")
