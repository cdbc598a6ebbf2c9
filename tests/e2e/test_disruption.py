"""A cluster whose settings change, and whose Serve controller dies, while clients are being answered."""

import os
import signal
import time
from collections.abc import Iterator

import httpx
import pytest
import yaml

from tests.e2e.conftest import KEY, Running, start
from tests.e2e.load import Disturbed

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start(tmp_path_factory.mktemp("disruption"), [], [], routers=2)


def apply_with_model(cluster: Running, name: str) -> None:
    """Give the first model another name beside its own, by a changed file."""
    document = yaml.safe_load(cluster.file.read_text())
    models = document["applications"][-1]["deployments"][0]["user_config"]["models"]
    models.append({**models[0], "name": name})
    cluster.file.write_text(yaml.safe_dump(document))
    applied = cluster.turnout("apply", str(cluster.file))
    assert applied.returncode == 0, applied.stdout + applied.stderr


def assert_serves(cluster: Running, name: str) -> None:
    listed = httpx.get(f"{cluster.url}/v1/models", headers={"authorization": f"Bearer {KEY}"}).json()["data"]
    assert name in {model["id"] for model in listed}


def test_settings_changed_again_and_again_under_load_lose_nothing(cluster: Running) -> None:
    with Disturbed(cluster.url, KEY) as disturbed:
        for number in range(2):
            apply_with_model(cluster, f"added-{number}")
            answer = cluster.admin("targets/pair-a", "PUT", weight=0.5 + number)
            assert len(answer["acknowledged"]) == 2, answer  # type: ignore[arg-type]
    assert disturbed.tally.ok > 100
    assert not disturbed.tally.lost
    assert_serves(cluster, "added-1")


def test_killing_the_serve_controller_under_load_loses_nothing_and_changes_work_again(cluster: Running) -> None:
    controllers = cluster.processes("ray::ServeController")
    assert len(controllers) == 1
    with Disturbed(cluster.url, KEY) as disturbed:
        os.kill(controllers[0].pid, signal.SIGKILL)
        ends_at = time.monotonic() + 60
        while [p for p in cluster.processes("ray::ServeController") if p.pid != controllers[0].pid] == []:
            assert time.monotonic() < ends_at, "the controller didn't come back"
            time.sleep(0.2)
        cluster.admin("targets/pair-a", "PUT", drained=True)
        apply_with_model(cluster, "added-after")
    assert disturbed.tally.ok > 100
    assert not disturbed.tally.lost
    assert_serves(cluster, "added-after")
    assert len(cluster.processes("ServeReplica:router")) == 2


def test_replicas_that_the_new_controller_starts_are_found(cluster: Running) -> None:
    egress = cluster.processes("ServeReplica:egress")
    assert len(egress) == 1
    os.kill(egress[0].pid, signal.SIGKILL)
    body = {"model": "mock-deployed", "messages": [{"role": "user", "content": "hi"}]}
    headers = {"authorization": f"Bearer {KEY}"}
    ends_at = time.monotonic() + 60
    while True:
        answer = httpx.post(f"{cluster.url}/v1/chat/completions", json=body, headers=headers, timeout=30)
        if answer.status_code == 200 and cluster.processes("ServeReplica:egress"):
            break
        assert time.monotonic() < ends_at, answer.text
        time.sleep(0.2)
    assert [process.pid for process in cluster.processes("ServeReplica:egress")] != [egress[0].pid]
