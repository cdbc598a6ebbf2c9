"""A request that one of two routers had is explained by Control, which asks both."""

import json
import time

import openai
import pytest

from tests.e2e.conftest import KEY, Running

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


def send(cluster: Running, model: str) -> str:
    """One request on a connection of its own, so that either router may get it; its id."""
    with openai.OpenAI(base_url=f"{cluster.url}/v1", api_key=KEY, max_retries=0) as client:
        raw = client.chat.completions.with_raw_response.create(
            model=model, messages=[{"role": "user", "content": "a very private word"}]
        )
    return raw.headers["x-request-id"]


def test_every_request_is_explained_whichever_router_had_it(remote_cluster: Running) -> None:
    file = str(remote_cluster.file)
    sent = [send(remote_cluster, "mock") for _ in range(6)]
    for request_id in sent:
        told = remote_cluster.turnout("explain", request_id, "--json", "--file", file)
        assert told.returncode == 0, told.stderr
        (decision,) = json.loads(told.stdout)["decisions"]
        assert (decision["request_id"], decision["model"]) == (request_id, "mock")
        assert decision["target"] in [each["target"] for each in decision["considered"]]
        assert decision["happened"]["status"] == 200
        assert "private" not in told.stdout
    told = remote_cluster.turnout("explain", sent[0], "--file", file)
    assert "answered" in told.stdout


def test_a_request_that_nobody_knows_is_told_at_once(remote_cluster: Running) -> None:
    asked_at = time.monotonic()
    told = remote_cluster.turnout("explain", "req-of-nobody", "--file", str(remote_cluster.file))
    assert told.returncode == 2
    assert "no router knows" in told.stderr
    assert time.monotonic() - asked_at < 10
