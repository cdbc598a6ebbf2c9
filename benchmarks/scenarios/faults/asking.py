"""Sends a chat request as a careful client would, and writes down all that comes back."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec

from turnout.benchmarks.rounds import Subject
from turnout.benchmarks.scenarios.faults.transcript import Transcript

CONNECT_S = 5.0


@dataclass(frozen=True, slots=True)
class Question:
    """
    What is asked, and how long for.

    Attributes:
        model: the public name.
        is_stream: as a stream, with usage.
        prompt: of the user.
        headers: beside the key.
        patience_s: after this the client takes the gateway for hanging.
        max_tokens: of the answer, or None for no limit of the client's.
    """

    model: str
    is_stream: bool
    prompt: str = "Count to sixty."
    headers: tuple[tuple[str, str], ...] = ()
    patience_s: float = 60.0
    max_tokens: int | None = None

    def to_json(self) -> bytes:
        """The request's body."""
        messages = [{"role": "user", "content": self.prompt}]
        options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if self.is_stream else {}
        if self.max_tokens is not None:
            options["max_tokens"] = self.max_tokens
        return msgspec.json.encode({"model": self.model, "messages": messages, "temperature": 0, **options})


class Client:
    """Asks one gateway; owns its connections."""

    def __init__(self, session: aiohttp.ClientSession, subject: Subject) -> None:
        self._session = session
        self._url = f"{subject.base_url}/chat/completions"

    async def ask(self, question: Question) -> Transcript:
        """One request, sent once, to whatever end it comes."""
        pieces: list[tuple[float, bytes]] = []
        status: int | None = None
        headers: Mapping[str, str] = {}
        is_broken = is_hanging = False
        sent_ns, sent_at = time.monotonic_ns(), time.monotonic()
        try:
            async with asyncio.timeout(question.patience_s):
                async with self._session.post(
                    self._url, data=question.to_json(), headers=dict(question.headers)
                ) as answer:
                    status, headers = answer.status, {name.lower(): value for name, value in answer.headers.items()}
                    async for piece in answer.content.iter_any():
                        pieces.append((time.monotonic() - sent_at, piece))  # noqa: PERF401  # kept when the rest breaks
        except TimeoutError:
            is_hanging = True
        except (aiohttp.ClientError, ConnectionError):
            is_broken = True
        elapsed_s = time.monotonic() - sent_at
        return Transcript(question.is_stream, status, headers, pieces, is_broken, is_hanging, elapsed_s, sent_ns)

    async def ask_and_leave(self, question: Question, after_s: float) -> int:
        """Sends a request and hangs up after so long, whatever has come; when, on the machine's monotonic clock, or 0 if it was over before."""
        asking = asyncio.ensure_future(self._drain(question))
        done, _ = await asyncio.wait([asking], timeout=after_s)
        left_ns = 0 if done else time.monotonic_ns()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        return left_ns

    async def _drain(self, question: Question) -> None:
        async with self._session.post(self._url, data=question.to_json(), headers=dict(question.headers)) as answer:
            await answer.read()


@asynccontextmanager
async def open_client(subject: Subject, connections: int = 256) -> AsyncGenerator[Client, None]:
    """A client with connections of its own, closed with the block."""
    headers = {"content-type": "application/json"}
    if subject.api_key:
        headers["authorization"] = f"Bearer {subject.api_key}"
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        yield Client(session, subject)
