"""A whole cluster with remote providers only: clients, admin, disturbance. `turnout mock` plays the provider."""

import json
import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import openai
import pytest
import yaml

from tests.e2e.conftest import KEY, Running
from tests.e2e.load import Disturbed

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]
HI: list[dict[str, str]] = [{"role": "user", "content": "hi"}]


@pytest.fixture
def client(remote_cluster: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{remote_cluster.url}/v1", api_key=KEY, max_retries=0) as made:
        yield made


def chat(client: openai.OpenAI, model: str = "mock", **extra: object) -> object:
    return client.chat.completions.create(model=model, messages=HI, **extra)  # type: ignore[call-overload]


@pytest.mark.parametrize("model", ["mock", "mock-deployed"])
def test_the_openai_client_gets_answers_and_usage(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=HI)  # type: ignore[arg-type]
    assert answer.choices[0].message.content
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0
    with client.chat.completions.create(model=model, messages=HI, stream=True) as stream:  # type: ignore[call-overload]
        chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == answer.choices[0].message.content
    assert chunks[-1].choices[0].finish_reason == "stop", "the usage chunk wasn't asked for"


def test_the_usage_chunk_comes_when_it_is_asked_for(client: openai.OpenAI) -> None:
    with client.chat.completions.create(
        model="mock",
        messages=HI,
        stream=True,
        stream_options={"include_usage": True},  # type: ignore[call-overload]
    ) as stream:
        last = list(stream)[-1]
    assert last.choices == []
    assert last.usage.completion_tokens > 0


def test_completions_embeddings_and_models_work(client: openai.OpenAI) -> None:
    assert client.completions.create(model="mock", prompt="hi").choices[0].text
    assert len(client.embeddings.create(model="mock", input=["a", "b"]).data) == 2
    assert {model.id for model in client.models.list()} == {"mock", "mock-deployed", "pair"}


def test_errors_are_the_clients_own_types(client: openai.OpenAI, remote_cluster: Running) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        chat(client, model="gpt-nope")
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as bad:
        chat(client, temperature=9)
    assert bad.value.param == "temperature"
    stranger = openai.OpenAI(base_url=f"{remote_cluster.url}/v1", api_key="sk-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        chat(stranger)


def test_every_attempt_is_in_the_ledger_with_its_cost(client: openai.OpenAI, remote_cluster: Running) -> None:
    raw = client.chat.completions.with_raw_response.create(model="mock", messages=HI)  # type: ignore[arg-type]
    call_id = raw.headers["x-litellm-call-id"]
    usage = raw.parse().usage
    assert usage is not None
    expected = usage.prompt_tokens * 1000 + usage.completion_tokens * 2000
    assert raw.headers["x-turnout-cost"] == f"{expected // 10**9}.{expected % 10**9:09d}"
    row = wait_for(lambda: find_row(remote_cluster, call_id))
    assert (row["key_id"], row["target"], row["cost_nusd"]) == ("team-a", "direct", expected)


def find_row(cluster: Running, call_id: str) -> dict[str, object] | None:
    rows: list[dict[str, object]] = cluster.admin("ledger?limit=1000")["rows"]  # type: ignore[assignment]
    return next((row for row in rows if row["request_id"] == call_id), None)


def wait_for(look: "object", within_s: float = 10.0) -> dict[str, object]:
    ends_at = time.monotonic() + within_s
    while time.monotonic() < ends_at:
        found = look()  # type: ignore[operator]
        if found:
            return found  # type: ignore[no-any-return]
        time.sleep(0.1)
    raise AssertionError(f"nothing within {within_s} s")


def test_an_admin_change_is_in_force_at_every_router_when_it_is_answered(
    client: openai.OpenAI, remote_cluster: Running
) -> None:
    try:
        answer = remote_cluster.admin("targets/pair-a", "PUT", drained=True)
        assert len(answer["acknowledged"]) == 2, answer  # type: ignore[arg-type]
        targets = {
            client.chat.completions.with_raw_response.create(model="pair", messages=HI).headers["x-turnout-target"]  # type: ignore[arg-type]
            for _ in range(20)
        }
        assert targets == {"pair-b"}
    finally:
        remote_cluster.admin("config/reset", "POST")
    audit = json.dumps(remote_cluster.admin("audit"))
    assert "pair-a" in audit


def test_metrics_are_those_of_both_routers_and_hold_no_prompt(client: openai.OpenAI, remote_cluster: Running) -> None:
    marker = "zanzibar-prompt"
    for _ in range(10):
        client.close()  # a new connection each time, for either router
        fresh = openai.OpenAI(base_url=f"{remote_cluster.url}/v1", api_key=KEY)
        fresh.chat.completions.create(model="mock", messages=[{"role": "user", "content": marker}])
    text = httpx.get(f"{remote_cluster.url}/metrics").text
    assert len(set(re.findall(r'replica="([^"]+)"', text))) == 2
    assert marker not in text
    assert KEY not in text


def test_controls_own_metrics_need_a_key_and_count_the_rows(client: openai.OpenAI, remote_cluster: Running) -> None:
    chat(client)
    url = f"http://127.0.0.1:{remote_cluster.admin_port}/metrics"
    assert httpx.get(url).status_code == 401
    key = (remote_cluster.home / "state" / "admin.key").read_text().strip()

    def rows() -> dict[str, object] | None:
        text = httpx.get(url, headers={"authorization": f"Bearer {key}"}).text
        found = re.search(r"^turnout_ledger_rows_total ([0-9.]+)$", text, re.MULTILINE)
        return {"rows": found[1]} if found and float(found[1]) >= 1 else None

    wait_for(rows)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b'{"model":"mock","messages":[{"role":"user","content":NaN}]}', 400),
        (b'{"model":"mock","messages":[{"role":"user","content":"\\ud800"}]}', 400),
        (b'{"model":"mock","messages":[{"role":"user","content":"\xff"}]}', 400),
        (b'{"model":"mock","model":"pair","messages":[{"role":"user","content":"x"}]}', 400),
        (b'{"model":"mock","messages":' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400),
        (b"x" * (33 * 1024 * 1024), 413),
    ],
)
def test_bad_bodies_are_refused_and_nothing_is_forwarded(remote_cluster: Running, body: bytes, status: int) -> None:
    before = remote_cluster.mock("stats")
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    with httpx.Client(headers=headers, timeout=30) as raw:
        answer = raw.post(f"{remote_cluster.url}/v1/chat/completions", content=body)
        assert answer.status_code == status
        assert set(answer.json()["error"]) == {"message", "type", "param", "code"}
        assert remote_cluster.mock("stats") == before
        good = {"model": "mock", "messages": HI}
        assert raw.post(f"{remote_cluster.url}/v1/chat/completions", json=good).status_code == 200


def test_a_client_that_leaves_closes_the_upstream_within_100_ms(remote_cluster: Running) -> None:
    remote_cluster.mock("script", "PUT", models={"*": {"latency": {"ttft_s": 30}}})
    try:
        for is_stream in (False, True):
            body = json.dumps({"model": "mock", "messages": HI, "stream": is_stream}).encode()
            with socket.create_connection(("127.0.0.1", remote_cluster.port)) as sock:
                head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
                sock.sendall(head.encode() + body)
                wait_for(lambda: remote_cluster.mock("stats")["in_flight"])
            left_at = time.monotonic()
            wait_for(lambda: not remote_cluster.mock("stats")["in_flight"] and {"closed": True})
            assert time.monotonic() - left_at < 0.5, "polled over HTTP; the benchmark has the exact figure"
    finally:
        remote_cluster.mock("script", "PUT", models={"*": {}})


def test_a_config_change_under_load_loses_nothing_and_a_bad_one_is_refused(remote_cluster: Running) -> None:
    document = yaml.safe_load(remote_cluster.file.read_text())
    models = document["applications"][-1]["deployments"][0]["user_config"]["models"]
    models.append({**models[0], "name": "added"})
    changed = remote_cluster.file.read_text()
    with Disturbed(remote_cluster.url, KEY) as disturbed:
        remote_cluster.file.write_text(yaml.safe_dump(document))
        applied = remote_cluster.turnout("apply", str(remote_cluster.file))
        assert applied.returncode == 0, applied.stdout + applied.stderr
    assert disturbed.tally.ok > 100
    assert not disturbed.tally.lost
    names = {
        m["id"]
        for m in httpx.get(f"{remote_cluster.url}/v1/models", headers={"authorization": f"Bearer {KEY}"}).json()["data"]
    }
    assert "added" in names
    models[0]["targets"] = []
    broken = remote_cluster.home / "broken.yaml"
    broken.write_text(yaml.safe_dump(document))
    refused = remote_cluster.turnout("apply", str(broken))
    assert refused.returncode == 2
    assert "targets" in refused.stdout + refused.stderr
    remote_cluster.file.write_text(changed)


def test_a_rolling_update_under_load_loses_nothing(remote_cluster: Running) -> None:
    old = {process.pid for process in remote_cluster.processes("ServeReplica:router")}
    document = yaml.safe_load(remote_cluster.file.read_text())
    document["applications"][-1]["args"]["limits"] = {"idle_s": 70}  # static: new replicas
    remote_cluster.file.write_text(yaml.safe_dump(document))
    with Disturbed(remote_cluster.url, KEY) as disturbed:
        applied = remote_cluster.turnout("apply", str(remote_cluster.file), timeout_s=240)
        assert applied.returncode == 0, applied.stdout + applied.stderr
        wait_for(
            lambda: not old & {p.pid for p in remote_cluster.processes("ServeReplica:router")} and {"gone": True}, 90
        )
    assert disturbed.tally.ok > 100
    assert not disturbed.tally.lost


def test_kill_9_of_a_router_loses_only_what_was_in_flight_on_it(remote_cluster: Running) -> None:
    routers = remote_cluster.processes("ServeReplica:router")
    assert len(routers) == 2
    with Disturbed(remote_cluster.url, KEY) as disturbed:
        os.kill(routers[0].pid, signal.SIGKILL)
        wait_for(
            lambda: (
                len([p for p in remote_cluster.processes("ServeReplica:router") if p.pid != routers[0].pid]) == 2
                and {"back": 1}
            ),
            60,
        )
    assert disturbed.tally.ok > 100
    assert sum(disturbed.tally.lost.values()) <= 24, "as many as there are connections at most"
    assert not [kind for kind in disturbed.tally.lost if kind.startswith("status")], disturbed.tally.lost


def test_status_tells_what_runs(remote_cluster: Running) -> None:
    status = remote_cluster.turnout("status", "--json", str(remote_cluster.file))
    assert status.returncode == 0, status.stdout + status.stderr
    assert {"direct", "deployed", "pair-a", "pair-b"} <= set(re.findall(r'"name": ?"([^"]+)"', status.stdout))


def test_status_names_open_breakers_who_is_ejected_and_the_model_that_nothing_can_answer_for(
    remote_cluster: Running,
) -> None:
    headers, body = {"authorization": f"Bearer {KEY}"}, {"model": "pair", "messages": HI}

    def ask(_: int = 0) -> int:
        """One request on a connection of its own, so that either router may get it."""
        return httpx.post(
            f"{remote_cluster.url}/v1/chat/completions", json=body, headers=headers, timeout=30
        ).status_code

    def status() -> list[str]:
        told = remote_cluster.turnout("status", str(remote_cluster.file))
        assert told.returncode == 0, told.stderr
        return [" ".join(line.split()) for line in told.stdout.splitlines()]

    def is_told() -> dict[str, object] | None:
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(ask, range(60))) <= {502, 503}
        shown = status()
        assert "direct mock provider mock 1 ready 1 0 0" in shown
        rows = [
            line for line in shown if re.match(r"pair-[ab] pair provider mock 1 (\S+ )*open\b.* 1 \(1 resting\)", line)
        ]
        models = [
            line for line in shown if re.match(r"model pair: nothing can answer at \d of 2 routers \(pair-a ", line)
        ]
        return {"rows": rows, "models": models} if rows and models else None

    remote_cluster.mock("script", "PUT", models={"*": {"faults": [{"do": "status", "status": 503}]}})
    try:
        told = wait_for(is_told, 60)
        assert str(told["models"]).endswith("requests are refused with 503']")
    finally:
        remote_cluster.mock("script", "PUT", models={"*": {}})
    wait_for(lambda: [ask() for _ in range(8)] == [200] * 8 and {"back": 1}, 60)
    wait_for(
        lambda: not [line for line in status() if line.startswith("model pair") or " open " in line] and {"well": 1}
    )


def test_nothing_of_a_key_or_prompt_is_in_any_log(remote_cluster: Running) -> None:
    logs = [path for path in Path(remote_cluster.home).rglob("*.log") if path.is_file()]
    assert logs
    for path in logs:
        text = path.read_text(errors="replace")
        assert KEY not in text
        assert "zanzibar-prompt" not in text
