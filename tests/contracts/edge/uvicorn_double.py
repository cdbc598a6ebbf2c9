"""uvicorn's protocol behind the product's listener: a second opinion on what a server does, for the contract suite only."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from turnout.models.exchange import Handler, Headers, RequestHead
from turnout.serve.edge.listener import Listener
from turnout.serve.edge.shared_socket import open_socket

Message = dict[str, Any]


class UvicornDouble:
    """As much of `Edge` as the contract suite uses."""

    def __init__(self, handler: Handler) -> None:
        self._config = uvicorn.Config(_app(handler), lifespan="off", log_level="critical", access_log=False)
        self._config.load()
        self._state = ServerState()

    async def start(self) -> None:
        sock, _ = await open_socket("127.0.0.1", 0, None)
        self.host, self.port = sock.getsockname()[:2]
        loop = asyncio.get_running_loop()
        self._listener = Listener(
            sock,
            lambda: HttpToolsProtocol(config=self._config, server_state=self._state, app_state={}, _loop=loop),
            held=lambda: len(self._state.connections),
            is_alone=lambda: True,
        )
        self._listener.start()

    async def drain(self, seconds: float) -> None:
        self._listener.stop()
        await self._listener.settle()
        for connection in list(self._state.connections):
            connection.shutdown()
        async with asyncio.timeout(seconds):
            while self._state.tasks:
                await asyncio.wait(list(self._state.tasks))

    async def close(self) -> None:
        await self._listener.close()
        for connection in list(self._state.connections):
            connection.transport.abort()
        for task in list(self._state.tasks):
            task.cancel()


class _QueueOut:
    """An Out that turns calls into ASGI messages, for a pump to send."""

    def __init__(self) -> None:
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        self.start(status, (*headers, (b"content-length", b"%d" % len(body))))
        self.messages.put_nowait({"type": "http.response.body", "body": body})

    def start(self, status: int, headers: Headers) -> None:
        self.messages.put_nowait({"type": "http.response.start", "status": status, "headers": list(headers)})

    def write(self, chunk: bytes) -> None:
        self.messages.put_nowait({"type": "http.response.body", "body": chunk, "more_body": True})

    def end(self) -> None:
        self.messages.put_nowait({"type": "http.response.body", "body": b""})


def _app(handler: Handler) -> Callable[..., Awaitable[None]]:
    async def app(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        body = b""
        while (message := await receive())["type"] == "http.request":
            body += message["body"]
            if not message["more_body"]:
                break
        out = _QueueOut()
        headers = dict(scope["headers"])
        head = RequestHead(
            scope["method"].encode(), scope["raw_path"], scope["query_string"], headers, scope["client"][0]
        )
        answering = asyncio.ensure_future(handler(head, body, out))
        leaving = asyncio.ensure_future(receive())
        pumping = asyncio.ensure_future(_pump(out, send))
        try:
            await asyncio.wait((answering, leaving), return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
                await pumping
        finally:
            for task in (answering, leaving, pumping):
                task.cancel()

    return app


async def _pump(out: _QueueOut, send: Callable[[Message], Awaitable[None]]) -> None:
    is_more = True
    while is_more:
        message = await out.messages.get()
        await send(message)
        is_more = message["type"] == "http.response.start" or message.get("more_body", False)
