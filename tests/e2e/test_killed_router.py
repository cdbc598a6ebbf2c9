"""Routers are killed while they answer: whatever a client has the end of stands in the ledger, and stands there once."""

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator

import httpx
import psutil
import pytest

from tests.e2e.conftest import KEY, Running, start
from tests.e2e.load import CHAT

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

KILLS = 3
REAP_S = 30


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    yield from start(tmp_path_factory.mktemp("killed"), [], [], routers=2)


def routers(cluster: Running) -> list[psutil.Process]:
    return cluster.processes("ServeReplica:router")


async def keep_asking(url: str, is_over: threading.Event, callers: int = 24) -> set[str]:
    """The ids of all answers that arrived whole, unary ones and streams; whoever is cut asks again."""
    answered: set[str] = set()

    async def ask(client: httpx.AsyncClient, is_stream: bool) -> None:
        while not is_over.is_set():
            try:
                answer = await client.post(f"{url}/v1/chat/completions", json={**CHAT, "stream": is_stream})
            except httpx.HTTPError:
                continue
            if answer.status_code == 200:
                answered.add(answer.headers["x-litellm-call-id"])

    clients = [httpx.AsyncClient(headers={"authorization": f"Bearer {KEY}"}, timeout=30) for _ in range(callers)]
    await asyncio.gather(*(ask(client, number % 3 == 0) for number, client in enumerate(clients)))
    await asyncio.gather(*(client.aclose() for client in clients))
    return answered


def read_ledger(cluster: Running) -> Counter[str]:
    """How many rows of an answer there are, by request id."""
    with sqlite3.connect(cluster.home / "state" / "control.sqlite") as connection:
        return Counter(id_ for (id_,) in connection.execute("SELECT request_id FROM ledger WHERE status = 200"))


def test_every_answer_of_a_router_that_was_killed_under_load_has_its_row_before_its_lease_ends(
    cluster: Running,
) -> None:
    is_over, answered = threading.Event(), set[str]()
    load = threading.Thread(target=lambda: answered.update(asyncio.run(keep_asking(cluster.url, is_over))))
    load.start()
    try:
        for _ in range(KILLS):
            time.sleep(2)
            before = routers(cluster)
            os.kill(before[0].pid, signal.SIGKILL)
            killed_at = time.monotonic()
            while len([each for each in routers(cluster) if each.pid != before[0].pid]) < 2:
                assert time.monotonic() < killed_at + 60, "no router took the place of the one that was killed"
                time.sleep(0.2)
    finally:
        is_over.set()
        load.join(60)
    assert len(answered) > 100
    while missing := answered - read_ledger(cluster).keys():
        assert time.monotonic() < killed_at + REAP_S - 5, f"{len(missing)} of {len(answered)} have no row"
        time.sleep(0.5)
    assert max(read_ledger(cluster).values()) == 1
