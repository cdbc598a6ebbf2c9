"""Faults that go by the clock, that unary answers show in their bodies, and that only a socket can show."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from tests.fakes import FakeOut
from turnout.models.exchange import RequestHead
from turnout.serve.mock.provider import MockProvider
from turnout.serve.mock.script import parse_script
from turnout.serve.mock.server import MockConfig, run_mock

BODY = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":%s}'
TEXT = "one two three four"


class TimedMock:
    """A provider whose clock stands still unless moved; pauses move it."""

    def __init__(self, *faults: dict[str, Any]) -> None:
        self.now_s = 50.0
        model = {"text": {"values": [TEXT]}, "faults": list(faults)}
        self.provider = MockProvider(
            parse_script({"models": {"m": model, "n": {}}}), pause=self._pause, clock_ns=lambda: round(self.now_s * 1e9)
        )

    async def _pause(self, seconds: float) -> None:
        self.now_s += seconds

    async def chat(self, *, stream: bool = False, model: str = "m") -> FakeOut:
        out = FakeOut()
        body = (BODY % json.dumps(stream).encode()).replace(b'"m"', f'"{model}"'.encode())
        await self.provider(RequestHead(b"POST", b"/v1/chat/completions", b"", {}, "peer"), body, out)
        return out

    async def seen(self, query: bytes = b"") -> list[dict[str, Any]]:
        out = FakeOut()
        await self.provider(RequestHead(b"GET", b"/_mock/requests", query, {}, "peer"), b"", out)
        return list(json.loads(out.body))


async def test_a_flap_begins_and_ends_by_the_clock() -> None:
    mock = TimedMock({"do": "status", "status": 503, "from_s": 10, "until_s": 70})
    statuses = []
    for age_s in (0.0, 9.9, 10.0, 69.9, 70.0):
        mock.now_s = 50.0 + age_s
        statuses.append((await mock.chat()).status)
    assert statuses == [200, 200, 503, 503, 200]


async def test_a_stalled_unary_answer_says_half_and_then_the_rest() -> None:
    mock = TimedMock({"do": "stall", "after_tokens": 2, "stall_s": 30})
    out = await mock.chat()
    assert mock.now_s == 80.0
    assert json.loads(out.body)["choices"][0]["message"]["content"] == TEXT
    assert len(out.chunks) == 2
    assert out.is_ended


async def test_a_unary_answer_without_its_end_is_a_whole_body_that_is_not_ended() -> None:
    out = await TimedMock({"do": "no_done"}).chat()
    assert json.loads(out.body)["choices"][0]["finish_reason"] == "stop"
    assert not out.is_ended


async def test_requests_are_shown_with_their_times_and_by_model() -> None:
    mock = TimedMock({"do": "stall", "stall_s": 30})
    await mock.chat()
    await mock.chat(model="n")
    (first,) = await mock.seen(b"model=m")
    assert (first["arrived_ns"], first["ended_ns"], first["end"]) == (50_000_000_000, 80_000_000_000, "answered")
    assert [each["model"] for each in await mock.seen()] == ["m", "n"]


@contextlib.asynccontextmanager
async def served(*faults: dict[str, Any]) -> AsyncGenerator[int, None]:
    stopped = asyncio.Event()
    ready: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    script = parse_script({"models": {"m": {"text": {"values": [TEXT]}, "faults": list(faults)}}})
    server = asyncio.ensure_future(run_mock(MockConfig(script), stopped, lambda _, port: ready.set_result(port)))
    try:
        yield await ready
    finally:
        stopped.set()
        await server


async def read_all(port: int, *, stream: bool) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = BODY % json.dumps(stream).encode()
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
    received = b""
    try:
        while piece := await reader.read(65_536):
            received += piece
    finally:
        writer.transport.abort()
    return received


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("after_tokens", [0, 2])
async def test_a_reset_is_an_rst_on_the_wire(after_tokens: int, stream: bool) -> None:
    async with served({"do": "reset", "after_tokens": after_tokens}) as port:
        with pytest.raises(ConnectionResetError):
            await read_all(port, stream=stream)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_close_is_an_orderly_end_of_the_connection_before_that_of_the_answer(stream: bool) -> None:
    async with served({"do": "close", "after_tokens": 2}) as port:
        received = await read_all(port, stream=stream)
    assert received.startswith(b"HTTP/1.1 200")
    assert not received.endswith(b"0\r\n\r\n")
