"""The edge's `Out`: frames one answer and hands it to the connection."""

import asyncio
import logging
from http import HTTPStatus
from typing import Protocol

from turnout.models.errors import InternalError
from turnout.models.exchange import JSON_HEADERS, Headers
from turnout.serve.edge.heads import Request
from turnout.serve.edge.traffic import Traffic

_log = logging.getLogger(__name__)

_STATUS_LINES = {int(each): f"HTTP/1.1 {each.value} {each.phrase}\r\n".encode() for each in HTTPStatus if each >= 200}
_BODILESS = frozenset((204, 304))
_KEEP_HTTP10 = b"connection: keep-alive\r\n"
CLOSE = b"connection: close\r\n"
_COLON = b": "


class Wire(Protocol):
    """The connection as an answer sees it."""

    def send(self, data: bytes) -> None:
        """Give bytes to the transport."""
        ...

    def drained(self) -> "asyncio.Future[None] | None":
        """None if the client keeps up, else what becomes done when it has caught up."""
        ...

    def may_stay(self) -> bool:
        """Whether the connection takes another request after this answer."""
        ...

    def answered(self, keeps_alive: bool) -> None:
        """The answer is whole: begin the next request, or close."""
        ...

    def cut_short(self, shows: bool) -> None:
        """The answer won't become whole: close. `shows`: its framing makes that visible, so what was written may still be sent."""
        ...

    def reset(self) -> None:
        """Break the connection off with an RST."""
        ...


class Answer:
    """The answer to one request: the `Out` that its handler gets, and the task that the handler runs in."""

    __slots__ = ("_is_bare", "_is_chunked", "_is_started", "_keeps_alive", "_request", "_task", "_traffic", "_wire")

    def __init__(self, wire: Wire, traffic: Traffic, request: Request) -> None:
        self._wire: Wire | None = wire
        self._traffic = traffic
        self._request = request
        self._keeps_alive = request.keeps_alive
        self._is_bare = request.head.method == b"HEAD"
        self._is_started = False
        self._is_chunked = False
        self._task: asyncio.Task[None] | None = None

    def run(self, loop: asyncio.AbstractEventLoop, body: bytes) -> None:
        """Start the handler; the traffic holds on to the answer, and so to the task, until it has returned."""
        self._traffic.answering.add(self)
        self._task = loop.create_task(self._serve(body))

    def cancel(self) -> None:
        """The client is gone, or has to go: what is still written is dropped, and the handler cancelled."""
        self._wire = None
        if self._task is not None:
            self._task.cancel()

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`. One write."""
        if self._is_started:
            raise RuntimeError("the answer has been started before")
        wire = self._wire
        if wire is None:
            return
        keeps_alive = self._keeps_alive and wire.may_stay()
        size = b"" if status in _BODILESS else b"content-length: %d\r\n" % len(body)
        head = self._head(status, headers, size, keeps_alive)
        self._is_started = True
        wire.send(head if self._is_bare or status in _BODILESS else head + body)
        self._wire = None
        wire.answered(keeps_alive)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`. An HTTP/1.0 client gets the body until the connection ends."""
        if self._is_started:
            raise RuntimeError("the answer has been started before")
        wire = self._wire
        if wire is None:
            return
        is_chunked = not self._request.is_http10 and status not in _BODILESS
        keeps_alive = self._keeps_alive and not self._request.is_http10 and wire.may_stay()
        head = self._head(status, headers, b"transfer-encoding: chunked\r\n" if is_chunked else b"", keeps_alive)
        self._is_started = True
        self._is_bare = self._is_bare or status in _BODILESS
        self._is_chunked = is_chunked
        self._keeps_alive = keeps_alive
        wire.send(head)

    def write(self, chunk: bytes) -> "asyncio.Future[None] | None":
        """See `Out.write`. One chunk, one write."""
        wire = self._wire
        if wire is None or self._is_bare or not chunk:
            return None
        if not self._is_started:
            raise RuntimeError("write before start")
        wire.send(b"%x\r\n%b\r\n" % (len(chunk), chunk) if self._is_chunked else chunk)
        return wire.drained()

    def end(self) -> None:
        """See `Out.end`."""
        wire = self._wire
        if wire is None:
            return
        if not self._is_started:
            raise RuntimeError("end before start")
        if self._is_chunked and not self._is_bare:
            wire.send(b"0\r\n\r\n")
        self._wire = None
        wire.answered(self._keeps_alive)

    def reset(self) -> None:
        """Break the connection off in the way of a host that crashed, with an RST; for scripted faults only."""
        wire, self._wire = self._wire, None
        if wire is not None:
            wire.reset()

    def _head(self, status: int, headers: Headers, framing: bytes, keeps_alive: bool) -> bytes:
        connection = CLOSE
        if keeps_alive:
            connection = _KEEP_HTTP10 if self._request.is_http10 else b""
        return b"".join(
            (status_line(status), self._traffic.date_line, join_lines(headers), framing, connection, b"\r\n")
        )

    async def _serve(self, body: bytes) -> None:
        head = self._request.head
        try:
            await self._traffic.handler(head, body, self)
        except Exception:  # noqa: BLE001 (the last-resort 500)
            _log.exception("handler failed method=%s path=%s", head.method.decode(), head.path.decode())
            if not self._is_started:
                self.full(500, JSON_HEADERS, InternalError("internal error").to_json())
        finally:
            self._task = None
            self._traffic.finish(self)
            wire, self._wire = self._wire, None
            if wire is not None:
                wire.cut_short(self._is_chunked or not self._is_started)


def status_line(status: int) -> bytes:
    """
    The first line of an answer.

    Raises:
        ValueError: no final status.
    """
    line = _STATUS_LINES.get(status)
    if line is not None:
        return line
    if not 200 <= status <= 599:
        raise ValueError(f"status {status!r} isn't a final one, 200 to 599")
    return b"HTTP/1.1 %d \r\n" % status


def join_lines(headers: Headers) -> bytes:
    """
    Header lines as they go over the wire.

    Raises:
        ValueError: a name or value has a line break or NUL in it: somebody's input got into a header.
    """
    if not headers:
        return b""
    lines = b"\r\n".join(map(_COLON.join, headers))
    if len(lines) - len(lines.translate(None, b"\r\n\0")) != 2 * (len(headers) - 1):
        raise ValueError("a header name or value has a line break or NUL in it")
    return lines + b"\r\n"
