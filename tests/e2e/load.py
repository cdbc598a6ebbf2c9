"""Closed-loop clients for the time that something happens to a cluster; every lost answer is counted, none is retried."""

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx

CHAT = {"model": "mock", "messages": [{"role": "user", "content": "hi"}]}


@dataclass
class Tally:
    """What became of the requests."""

    ok: int = 0
    lost: Counter[str] = field(default_factory=Counter)


class Disturbed:
    """Load that runs beside a disturbance; `tally` says how it went when the block has ended."""

    def __init__(self, url: str, key: str) -> None:
        self.tally = Tally()
        self._url = url
        self._key = key
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "Disturbed":
        self._thread.start()
        time.sleep(1)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(1)
        self._over.set()
        self._thread.join(60)

    def _run(self) -> None:
        self.tally = asyncio.run(keep_asking(self._url, self._key, self._over.is_set))


async def keep_asking(url: str, key: str, is_over: Callable[[], bool], unary: int = 16, streams: int = 8) -> Tally:
    """Ask over keep-alive connections until `is_over`; a stream counts as answered only with its `[DONE]`."""
    tally = Tally()
    headers = {"authorization": f"Bearer {key}"}

    async def ask(client: httpx.AsyncClient, is_stream: bool) -> None:
        while not is_over():
            try:
                answer = await client.post(f"{url}/v1/chat/completions", json={**CHAT, "stream": is_stream})
                if answer.status_code != 200:
                    tally.lost[f"status {answer.status_code}"] += 1
                elif is_stream and not answer.text.endswith("data: [DONE]\n\n"):
                    tally.lost["cut stream"] += 1
                else:
                    tally.ok += 1
            except httpx.HTTPError as error:
                tally.lost[type(error).__name__] += 1

    async with asyncio.TaskGroup() as group:
        clients = []
        for number in range(unary + streams):
            client = httpx.AsyncClient(headers=headers, timeout=30)  # one each: no pool of theirs decides who waits
            clients.append(client)
            group.create_task(ask(client, number >= unary))
    for client in clients:
        await client.aclose()
    return tally


def contents(stream: str) -> list[str]:
    """The text pieces of an SSE answer."""
    events = [line[6:] for line in stream.splitlines() if line.startswith("data: {")]
    return [choice["delta"].get("content") or "" for event in events for choice in json.loads(event)["choices"]]
