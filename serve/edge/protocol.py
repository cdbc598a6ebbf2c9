"""One client connection: reads requests one at a time, runs the handler on each, keeps the limits."""

import asyncio
import math
import socket
import struct
from collections.abc import Callable
from typing import Final, cast

from turnout.models.errors import NoTarget, RequestTimeout, TurnoutError
from turnout.models.exchange import JSON_HEADERS
from turnout.models.outflow import Outflow
from turnout.serve.edge.answer import CLOSE, Answer, join_lines, status_line
from turnout.serve.edge.bodies import ChunkedBody, SizedBody
from turnout.serve.edge.heads import CHUNKED, HeadReader, Request
from turnout.serve.edge.traffic import Traffic

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_NO_LINGER: Final = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """
    The protocol of the product's edge.

    Bytes go to whatever `_take` is: a head, a body, held while an answer is under way, or dropped after a refusal. `deadline` is when, on the
    traffic's clock, `_expire` is due.
    """

    __slots__ = (
        "_answer",
        "_body",
        "_body_deadline",
        "_drained",
        "_expire",
        "_heads",
        "_held",
        "_is_reading_paused",
        "_loop",
        "_outflow",
        "_request",
        "_retire_at",
        "_take",
        "_to_drop",
        "_traffic",
        "_transport",
        "_unsent",
        "deadline",
    )

    _transport: asyncio.Transport
    _heads: HeadReader
    _request: Request
    _body: SizedBody | ChunkedBody

    def __init__(self, traffic: Traffic, loop: asyncio.AbstractEventLoop, outflow: Outflow) -> None:
        self._traffic = traffic
        self._loop = loop
        self._outflow = outflow
        self._held = b""
        self._body_deadline = math.inf
        self._answer: Answer | None = None
        self._drained: asyncio.Future[None] | None = None
        self._is_reading_paused = False
        self._unsent = 0
        self._to_drop = traffic.limits.linger_bytes
        self._retire_at = traffic.retirement()
        self._take: Callable[[bytes], None] = self._take_head
        self._expire: Callable[[], None] = self._refuse_late
        self.deadline = traffic.now + traffic.limits.header_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        traffic = self._traffic
        self._heads = HeadReader(traffic.limits.header_bytes, traffic.limits.body_bytes, peer[0] if peer else "")
        is_over = len(traffic.connections) >= traffic.limits.connections
        traffic.connections.add(self)
        if is_over:
            self._refuse(NoTarget("too many connections are open here"))
        elif traffic.is_draining:
            self.heed_drain()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self._outflow.discard(self._transport)
        self._abandon()
        self._heads.stop()
        self._take = (
            _ignore  # no bound method: nothing is left that refers to itself, and so nothing for the garbage collector
        )
        self._expire = _ignore
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._traffic.leave(self)

    def eof_received(self) -> None:
        """The client has hung up, or at least won't say more: nobody waits for an answer. The transport closes itself."""
        self._abandon()
        self._take = self._drop

    def data_received(self, data: bytes) -> None:
        self._take(data)

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()
        if self._answer is not None:
            self._unsent = self._transport.get_write_buffer_size()
            self.deadline = self._traffic.now + self._traffic.limits.stall_s

    def resume_writing(self) -> None:
        drained, self._drained = self._drained, None
        if drained is not None and not drained.done():
            drained.set_result(None)
        if self._answer is not None:
            self.deadline = math.inf

    # The answer's view (`Wire`).

    def send(self, data: bytes) -> None:
        """Send at the end of this turn of the loop."""
        self._outflow.write(self._transport, data)

    def drained(self) -> "asyncio.Future[None] | None":
        """None if the client keeps up."""
        return self._drained

    def may_stay(self) -> bool:
        """Whether the connection isn't too old and the edge isn't leaving."""
        traffic = self._traffic
        return traffic.now < self._retire_at and not traffic.is_draining

    def answered(self, keeps_alive: bool) -> None:
        """Begin with what is held, wait for more, or close."""
        self._answer = None
        if len(self._traffic.answering) == 1:
            self._outflow.flush()  # nobody else has anything to say in this turn
        if not keeps_alive:
            if self._held:
                self._linger()
            else:
                self._close()
            return
        self._await_request()
        if self._held:
            held, self._held = self._held, b""
            self._resume_reading()
            self._take_head(held)

    def cut_short(self, shows: bool) -> None:
        """Close behind an answer that isn't whole; if a close can't be told from its end, by a reset."""
        self._answer = None
        if shows:
            self._close()
        else:
            self._transport.abort()

    def reset(self) -> None:
        """Send what was written, then an RST in place of the close: that's what closing does with a linger time of 0."""
        self._answer = None
        self._outflow.flush()
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self._transport.abort()

    # The sweep's view (`Swept`).

    def expire(self) -> None:
        """Do what the deadline asks for, unless the client is still taking its answer, however slowly."""
        unsent = self._transport.get_write_buffer_size()
        if unsent and unsent != self._unsent:
            self._unsent = unsent
            self.deadline = self._traffic.now + self._traffic.limits.stall_s
        elif unsent or self._transport.is_closing():
            self.cut()
        else:
            self._expire()

    def heed_drain(self) -> None:
        """A silent connection that hasn't been told to close is kept for a moment: closing it now could lose a request on its way."""
        if self._answer is None and not self._heads.has_begun:
            self.deadline = min(self.deadline, self._traffic.now + self._traffic.limits.drain_silence_s)
            if self._take == self._take_head:
                self._expire = self._close

    def cut(self) -> None:
        """Close at once; the answer under way is cancelled."""
        self._abandon()
        self._transport.abort()

    # Reading.

    def _take_head(self, data: bytes) -> None:
        heads = self._heads
        is_silent = not heads.has_begun
        try:
            found = heads.read(data)
        except TurnoutError as error:
            self._refuse(error)
            return
        if found is not None:
            self._take_request(*found)
        elif is_silent and heads.has_begun:
            self._wait(self._traffic.limits.header_s, self._refuse_late)

    def _take_request(self, request: Request, rest: bytes) -> None:
        length = request.body_bytes
        if length == 0:
            self._run(request, b"", rest)
        elif 0 < length <= len(rest):
            self._run(request, rest[:length], rest[length:])
        else:
            self._begin_body(request, rest)

    def _begin_body(self, request: Request, rest: bytes) -> None:
        if request.awaits_continue and not rest:
            self.send(_CONTINUE)
        limits = self._traffic.limits
        length = request.body_bytes
        self._request = request
        self._body = ChunkedBody(limits.body_bytes) if length == CHUNKED else SizedBody(length)
        self._body_deadline = self._traffic.now + limits.body_s
        self._wait(limits.body_gap_s, self._refuse_late)
        self._take = self._take_body
        if rest:
            self._take_body(rest)

    def _take_body(self, data: bytes) -> None:
        try:
            rest = self._body.feed(data)
        except TurnoutError as error:
            self._refuse(error)
            return
        if rest is None:
            self.deadline = min(self._body_deadline, self._traffic.now + self._traffic.limits.body_gap_s)
            return
        request, body = self._request, self._body.content()
        del self._request, self._body
        self._run(request, body, rest)

    def _run(self, request: Request, body: bytes, rest: bytes) -> None:
        """Start the handler; until it has answered, what arrives is held."""
        self.deadline = math.inf
        self._take = self._hold
        if rest:
            self._hold(rest)
        self._answer = answer = Answer(self, self._traffic, request)
        answer.run(self._loop, body)

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self._traffic.limits.held_bytes and not self._is_reading_paused:
            self._is_reading_paused = True
            self._transport.pause_reading()

    def _drop(self, data: bytes) -> None:
        self._to_drop -= len(data)
        if self._to_drop < 0:
            self.cut()

    def _resume_reading(self) -> None:
        if self._is_reading_paused:
            self._is_reading_paused = False
            self._transport.resume_reading()

    # Waiting and leaving.

    def _wait(self, seconds: float, expire: Callable[[], None]) -> None:
        self.deadline = self._traffic.now + seconds
        self._expire = expire

    def _await_request(self) -> None:
        limits = self._traffic.limits
        self._take = self._take_head
        self._wait(limits.drain_silence_s if self._traffic.is_draining else limits.idle_s, self._close)

    def _refuse_late(self) -> None:
        self._refuse(RequestTimeout("the request took too long to arrive"))

    def _refuse(self, error: TurnoutError) -> None:
        """Say why, then close in a way that lets it arrive."""
        self._traffic.refused[error.status] += 1
        body = error.to_json()
        self.send(
            b"%b%b%bcontent-length: %d\r\n%b\r\n%b"
            % (status_line(error.status), self._traffic.date_line, join_lines(JSON_HEADERS), len(body), CLOSE, body)
        )
        self._linger()

    def _linger(self) -> None:
        """
        Say goodbye, and read and drop what the client still sends: unread bytes would turn the close into a reset, which can overtake the answer.

        Source: RFC 9112 9.6.
        """
        self._held = b""
        self._take = self._drop
        self._wait(self._traffic.limits.linger_s, self.cut)
        self._resume_reading()
        self._outflow.flush()
        if self._transport.can_write_eof():
            self._transport.write_eof()

    def _close(self) -> None:
        self._take = self._drop
        self._wait(self._traffic.limits.linger_s, self.cut)
        self._outflow.flush()
        self._transport.close()

    def _abandon(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None:
            answer.cancel()


def _ignore(_: bytes = b"") -> None:
    """Nothing is expected any more."""
