"""Limits over a whole cluster: two routers keep one count together."""

import concurrent.futures
import time

import httpx
import pytest

from tests.e2e.conftest import Running

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
BODY = {"model": "mock", "messages": [{"role": "user", "content": "hi"}]}
PER_MINUTE = 30


def generate_key(cluster: Running, **fields: object) -> str:
    admin_key = (cluster.home / "state" / "admin.key").read_text().strip()
    url = f"http://127.0.0.1:{cluster.admin_port}/key/generate"
    answer = httpx.post(url, json=fields, headers={"authorization": f"Bearer {admin_key}"}, timeout=10)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["key"])


def ask(cluster: Running, key: str) -> httpx.Response:
    """One request on a connection of its own, so that either router may get it; it waits a second for its turn at most."""
    headers = {"authorization": f"Bearer {key}", "x-turnout-timeout-s": "1"}
    return httpx.post(f"{cluster.url}/v1/chat/completions", json=BODY, headers=headers, timeout=30)


def test_two_routers_let_in_no_more_than_the_key_may_and_all_that_it_may(remote_cluster: Running) -> None:
    key = generate_key(remote_cluster, rpm_limit=PER_MINUTE)
    began_at = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: ask(remote_cluster, key), range(4 * PER_MINUTE)))
    refilled = (time.monotonic() - began_at) * PER_MINUTE / 60
    statuses = [answer.status_code for answer in answers]
    assert set(statuses) == {200, 429}
    assert PER_MINUTE <= statuses.count(200) <= PER_MINUTE + refilled + 1
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert refusal.json()["error"]["code"] == "rate_limit_exceeded"
    assert int(refusal.headers["retry-after-ms"]) > 0
    assert refusal.headers["x-ratelimit-limit-requests"] == str(PER_MINUTE)
