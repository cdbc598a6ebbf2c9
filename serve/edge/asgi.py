"""Runs an ASGI 3 application as a handler of the edge."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from turnout.models.exchange import Headers, Out, RequestHead

Message = MutableMapping[str, Any]  # ASGI's own words: untyped by specification
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

_FRAMING = frozenset((b"content-length", b"transfer-encoding", b"connection", b"keep-alive", b"date"))
_ASGI = {"version": "3.0", "spec_version": "2.3"}


class AsgiBridge:
    """
    A handler that lets an ASGI app answer.

    An answer that the app announces with content-length and sends in one piece is one `Out.full`. When the client leaves, the app hears
    `http.disconnect` first, and is cancelled only if it hasn't ended after `grace_s`: vLLM aborts a generation on the one and leaks it on the other.
    """

    def __init__(self, app: AsgiApp, *, grace_s: float = 1.0, scheme: str = "http") -> None:
        """
        Args:
            app: ASGI 3, HTTP and perhaps lifespan.
            grace_s: what the app has to end by itself after the client left.
            scheme: what the app is told: `http` or `https`.
        """
        self._app = app
        self._grace_s = grace_s
        self._scheme = scheme
        self._state: dict[str, Any] = {}

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        exchange = _Exchange(body, out)
        answering = asyncio.ensure_future(self._app(self._scope(head), exchange.receive, exchange.send))
        answering.add_done_callback(_look_at_error)
        try:
            await asyncio.wait((answering,))
        except asyncio.CancelledError:
            exchange.ended.set()
            await asyncio.wait((answering,), timeout=self._grace_s)
            raise
        finally:
            if not answering.done():
                answering.cancel()
        answering.result()

    @contextlib.asynccontextmanager
    async def lifespan(self) -> AsyncGenerator[None, None]:
        """
        The app's start-up on entering, its shutdown on leaving. An app without lifespan is served without.

        Raises:
            RuntimeError: the app says that its start-up failed.
        """
        life = _Lifespan()
        scope = {"type": "lifespan", "asgi": _ASGI, "state": self._state}
        living = asyncio.ensure_future(self._app(scope, life.receive, life.send))
        living.add_done_callback(_look_at_error)
        try:
            await life.reach(living, life.started)
            if life.failure is not None:
                raise RuntimeError(f"the application's start-up failed: {life.failure}")
            yield
            life.leaving.set()
            await life.reach(living, life.stopped)
        finally:
            living.cancel()
            await asyncio.wait((living,))

    def _scope(self, head: RequestHead) -> dict[str, Any]:
        host, _, port = head.headers.get(b"host", b"").decode("latin-1").rpartition(":")
        default_port = 443 if self._scheme == "https" else 80
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": "1.1",
            "method": head.method.decode("ascii"),
            "scheme": self._scheme,
            "path": unquote(head.path.decode("ascii")),
            "raw_path": head.path,
            "query_string": head.query,
            "root_path": "",
            "headers": list(head.headers.items()),
            "client": (head.peer, 0),
            "server": (host, int(port)) if host and port.isdigit() else (host or port, default_port),
            "state": dict(self._state),
        }


class _Exchange:
    """One request as the app sees it."""

    def __init__(self, body: bytes, out: Out) -> None:
        self._body: bytes | None = body
        self._out = out
        self._held: tuple[int, Headers, int] | None = None
        self.ended = asyncio.Event()

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.ended.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start(
                message["status"], [(bytes(name).lower(), bytes(value)) for name, value in message.get("headers", ())]
            )
        elif message["type"] == "http.response.body":
            await self._write(bytes(message.get("body", b"")), bool(message.get("more_body", False)))

    def _start(self, status: int, headers: Headers) -> None:
        """A head with content-length is held for its body; one without is a stream's and goes at once."""
        kept = [line for line in headers if line[0] not in _FRAMING]
        length = dict(headers).get(b"content-length", b"")
        if length.isdigit():
            self._held = (status, kept, int(length))
        else:
            self._out.start(status, kept)

    async def _write(self, body: bytes, is_more: bool) -> None:
        if self.ended.is_set():
            return
        held, self._held = self._held, None
        if held is not None:
            status, headers, length = held
            if len(body) == length or not is_more:
                self._out.full(status, headers, body)
                self.ended.set()
                return
            self._out.start(status, headers)
        waiting = self._out.write(body)
        if waiting is not None:
            await waiting
        if not is_more:
            self._out.end()
            self.ended.set()


class _Lifespan:
    """How far an app's life has got."""

    def __init__(self) -> None:
        self.leaving = asyncio.Event()
        self.started = asyncio.Event()
        self.stopped = asyncio.Event()
        self.failure: str | None = None
        self._has_begun = False

    async def receive(self) -> Message:
        if not self._has_begun:
            self._has_begun = True
            return {"type": "lifespan.startup"}
        await self.leaving.wait()
        return {"type": "lifespan.shutdown"}

    async def send(self, message: Message) -> None:
        if message["type"] == "lifespan.startup.failed":
            self.failure = str(message.get("message", ""))
        if message["type"].startswith("lifespan.startup."):
            self.started.set()
        else:
            self.stopped.set()

    @staticmethod
    async def reach(living: "asyncio.Future[None]", point: asyncio.Event) -> None:
        """Wait until the app says so, or has ended."""
        waiting = asyncio.ensure_future(point.wait())
        try:
            await asyncio.wait((living, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()


def _look_at_error(task: "asyncio.Future[None]") -> None:
    """An app may fail after the client left, or for want of a lifespan: nobody has to hear of it."""
    if not task.cancelled():
        task.exception()
