"""ASGI apps as handlers: what they are told, how their answers are sent, and how they hear that the client left."""

import asyncio
from typing import Any

import pytest

from tests.contracts.edge.handlers import TEXT
from tests.fakes import FakeOut
from tests.fakes_edge import settle
from turnout.models.exchange import RequestHead
from turnout.serve.edge.asgi import AsgiBridge, Message, Receive, Send

HEAD = RequestHead(b"POST", b"/a%20b", b"c=%64", {b"host": b"test:81", b"x": b"y"}, "192.0.2.7")


async def start(send: Send, *headers: tuple[bytes, bytes]) -> None:
    await send({"type": "http.response.start", "status": 201, "headers": headers})


async def body(send: Send, content: bytes, *, is_more: bool = False) -> None:
    await send({"type": "http.response.body", "body": content, "more_body": is_more})


async def test_the_scope_says_what_was_asked() -> None:
    scopes: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        scopes.append(scope)

    await AsgiBridge(app)(HEAD, b"", FakeOut())
    expected = {
        "type": "http",
        "method": "POST",
        "path": "/a b",
        "raw_path": b"/a%20b",
        "query_string": b"c=%64",
        "headers": [(b"host", b"test:81"), (b"x", b"y")],
        "client": ("192.0.2.7", 0),
        "server": ("test", 81),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
    }
    assert {key: scopes[0][key] for key in expected} == expected


async def test_the_body_is_received_once_and_then_the_end() -> None:
    received: list[Message] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        received.append(await receive())
        await start(send)
        await body(send, b"done")
        received.append(await receive())

    await AsgiBridge(app)(HEAD, b"question", FakeOut())
    assert received == [
        {"type": "http.request", "body": b"question", "more_body": False},
        {"type": "http.disconnect"},
    ]


@pytest.mark.parametrize("is_more", [False, True])
async def test_a_buffered_answer_is_sent_in_one_piece(is_more: bool) -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await start(send, (b"Content-Length", b"4"), (b"Content-Type", b"text/plain"), (b"Date", b"now"))
        await body(send, b"done", is_more=is_more)
        if is_more:
            await body(send, b"")

    out = FakeOut()
    await AsgiBridge(app)(HEAD, b"", out)
    assert (out.full_calls, out.status, out.body) == (1, 201, b"done")
    assert out.headers == dict(TEXT)


async def test_a_stream_is_sent_piece_by_piece() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await start(send)
        assert out.status == 201
        await body(send, b"a", is_more=True)
        await body(send, b"b", is_more=True)
        await body(send, b"")

    out = FakeOut()
    await AsgiBridge(app)(HEAD, b"", out)
    assert [chunk for chunk in out.chunks if chunk] == [b"a", b"b"]
    assert out.is_ended


async def test_sending_waits_while_the_client_does_not_keep_up() -> None:
    drained: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    class SlowOut(FakeOut):
        def write(self, chunk: bytes) -> "asyncio.Future[None] | None":
            super().write(chunk)
            return drained

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await start(send)
        await body(send, b"a", is_more=True)
        await body(send, b"b")

    out = SlowOut()
    answering = asyncio.ensure_future(AsgiBridge(app)(HEAD, b"", out))
    await settle()
    assert not out.is_ended
    drained.set_result(None)
    await answering
    assert out.is_ended


async def test_an_app_that_hears_of_the_disconnect_ends_by_itself() -> None:
    steps: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        steps.append("waiting")
        steps.append((await receive())["type"])
        await asyncio.sleep(0)
        steps.append("ended")

    answering = asyncio.ensure_future(AsgiBridge(app)(HEAD, b"", FakeOut()))
    await settle()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    assert steps == ["waiting", "http.disconnect", "ended"]


async def test_an_app_that_does_not_listen_is_cancelled_after_the_grace() -> None:
    steps: list[str] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        steps.append("working")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            steps.append("cancelled")
            raise

    answering = asyncio.ensure_future(AsgiBridge(app, grace_s=0.01)(HEAD, b"", FakeOut()))
    await settle()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    await settle()
    assert steps == ["working", "cancelled"]


async def test_a_second_cancellation_ends_the_grace() -> None:
    cancelled = asyncio.Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    answering = asyncio.ensure_future(AsgiBridge(app, grace_s=60)(HEAD, b"", FakeOut()))
    await settle()
    answering.cancel()
    await settle()
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await answering
    await settle()
    assert cancelled.is_set()


async def test_what_an_app_raises_reaches_the_edge() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await AsgiBridge(app)(HEAD, b"", FakeOut())


async def test_lifespan_starts_and_stops_the_app_and_shares_its_state() -> None:
    steps: list[Any] = []

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            steps.append(scope["state"])
            return
        steps.append((await receive())["type"])
        scope["state"]["engine"] = "up"
        await send({"type": "lifespan.startup.complete"})
        steps.append((await receive())["type"])
        await send({"type": "lifespan.shutdown.complete"})

    bridge = AsgiBridge(app)
    async with bridge.lifespan():
        await bridge(HEAD, b"", FakeOut())
    assert steps == ["lifespan.startup", {"engine": "up"}, "lifespan.shutdown"]


async def test_a_failed_start_up_is_an_error() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.failed", "message": "no model"})

    with pytest.raises(RuntimeError, match="no model"):
        async with AsgiBridge(app).lifespan():
            pass


async def test_an_app_without_lifespan_is_served_all_the_same() -> None:
    async def app(scope: Message, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await start(send)
        await body(send, b"ok")

    out = FakeOut()
    bridge = AsgiBridge(app)
    async with bridge.lifespan():
        await bridge(HEAD, b"", out)
    assert out.status == 201


async def test_an_exception_inside_the_lifespan_block_still_stops_the_app() -> None:
    ended = asyncio.Event()

    async def app(scope: Message, receive: Receive, send: Send) -> None:
        await send({"type": "lifespan.startup.complete"})
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    with pytest.raises(KeyError):
        async with AsgiBridge(app).lifespan():
            raise KeyError
    assert ended.is_set()
