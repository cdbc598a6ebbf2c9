"""One kept connection to a model server."""

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from typing import Protocol, cast

from httptools import HttpParserError, HttpParserUpgrade

from turnout.models.http.relay import Relay
from turnout.models.outflow import Outflow
from turnout.models.upstream import Failure

_JOINED_BYTES = 64 * 1024
"""Up to here head and body are joined into one buffer; a larger body is handed over as it is, as copying costs more than a second buffer."""

_TCP_INFO_UNACKED = 24
"""Offset of `tcpi_unacked` (uint32, segments) in Linux's `struct tcp_info`: 8 bytes of flags, then rto, ato, snd_mss, rcv_mss."""


class Owner(Protocol):
    """Who is told when a connection becomes free or is gone."""

    def keep(self, connection: "Connection") -> None:
        """The answer is whole and another request may follow."""
        ...

    def forget(self, connection: "Connection") -> None:
        """It's closed, or about to be."""
        ...


class Connection(asyncio.Protocol):
    """
    Owns one transport and at most one relay on it.

    A connection that says anything while nothing was asked, or whose peer closes its side, is never used again.
    """

    __slots__ = ("_clock", "_is_closed", "_outflow", "_owner", "_relay", "_transport", "idle_since", "is_reused")

    def __init__(self, owner: Owner, clock: Callable[[], float], outflow: Outflow) -> None:
        self._owner = owner
        self._outflow = outflow
        self._clock = clock
        self._transport: asyncio.Transport | None = None
        self._relay: Relay | None = None
        self._is_closed = False
        self.is_reused = False
        self.idle_since = 0.0

    def __repr__(self) -> str:
        state = "closed" if self._is_closed else "busy" if self._relay else "idle"
        return f"Connection({state})"

    @property
    def is_usable(self) -> bool:
        """Whether a request may be sent: open, free, and nothing known of the peer's leaving."""
        transport = self._transport
        return not self._is_closed and self._relay is None and transport is not None and not transport.is_closing()

    def send(self, head: bytes, body: bytes, relay: Relay) -> None:
        """Send one request, at the end of this turn of the loop; its answer goes into `relay`. Only on a connection that `is_usable`."""
        assert self._transport is not None
        self._relay = relay
        if len(body) <= _JOINED_BYTES:
            self._outflow.write(self._transport, head + body)
        else:
            self._transport.writelines((head, body))

    def stop_if_overdue(self, relay: Relay, now: float) -> None:
        """End this exchange, if it's still the one here, and one of its limits has run out at `now`."""
        if self._relay is relay:
            failure = relay.find_overdue(now)
            if failure is not None:
                self._fail(relay, failure, failure.value.replace("_", " "))

    def abort(self, detail: str = "closed by this side") -> None:
        """Close at once, dropping what hasn't been sent; a relay under way ends as RESET."""
        relay, self._relay = self._relay, None
        self._close()
        if relay is not None:
            relay.fail(Failure.RESET, detail)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; without Nagle, as a request shouldn't wait for the peer's acknowledgement of the last one."""
        self._transport = cast("asyncio.Transport", transport)
        if self._is_closed:
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """Parse and pass on."""
        relay = self._relay
        if relay is None:
            self._close()
            return
        try:
            relay.feed(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if not relay.is_whole:
                relay.push()
                self._fail(relay, Failure.PROTOCOL, f"not HTTP/1.1: {error}")
                return
            relay.can_reuse = False
        if relay.refusal is not None:
            self._fail(relay, *relay.refusal)
        elif relay.is_whole:
            self._finish(relay)
        else:
            drained = relay.push()
            if drained is not None:
                self._pause_until(drained, relay)

    def eof_received(self) -> bool:
        """The peer has closed its side: the end of an answer without a length, else a break."""
        relay = self._relay
        if relay is not None:
            if relay.reads_to_close and not relay.is_whole:
                self._finish(relay)
            elif self._is_unsent() or (not relay.has_bytes and self.is_reused and self._has_left_before_reading()):
                self._fail(relay, Failure.STALE, "the kept connection had been closed by the peer", was_sent=False)
            else:
                self._fail(relay, Failure.RESET, "closed before the end of the answer")
        self._is_closed = True
        self._owner.forget(self)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the relay, if one is under way. An error of an Out isn't the wire's: it is raised to the caller."""
        relay, self._relay = self._relay, None
        self._is_closed = True
        self._owner.forget(self)
        if relay is None:
            return
        if self._is_unsent():
            relay.fail(Failure.STALE, "the connection was lost before the request was sent", was_sent=False)
        elif exc is None or isinstance(exc, OSError):
            relay.fail(Failure.RESET, f"connection lost: {exc or 'closed'}")
        elif not relay.done.done():
            relay.done.set_exception(exc)

    def _finish(self, relay: Relay) -> None:
        relay.finish()
        self._relay = None
        transport = self._transport
        if relay.can_reuse and transport is not None and not transport.is_closing():
            if relay.is_paused:
                transport.resume_reading()
            self.is_reused = True
            self.idle_since = self._clock()
            self._owner.keep(self)
        else:
            self._close()

    def _fail(self, relay: Relay, failure: Failure, detail: str, was_sent: bool = True) -> None:
        self._relay = None
        self._close()
        relay.fail(failure, detail, was_sent)

    def _close(self) -> None:
        self._is_closed = True
        self._owner.forget(self)
        if self._transport is not None:
            self._outflow.discard(self._transport)
            self._transport.abort()

    def _is_unsent(self) -> bool:
        """Whether the request was still waiting for the end of the turn; it won't be sent any more."""
        return self._transport is not None and self._outflow.discard(self._transport)

    def _pause_until(self, drained: "asyncio.Future[None]", relay: Relay) -> None:
        assert self._transport is not None
        relay.is_paused = True
        self._transport.pause_reading()
        drained.add_done_callback(lambda _: self._resume(relay))

    def _resume(self, relay: Relay) -> None:
        if self._relay is relay and self._transport is not None:
            relay.is_paused = False
            self._transport.resume_reading()

    def _has_left_before_reading(self) -> bool:
        """
        Whether the peer closed before all of the request had reached it, so that it can't have been processed.

        An orderly close right after our write is ambiguous in itself: the peer may have read the request and died. It's certain only where the
        peer's kernel hasn't taken the request: its FIN came while some of our segments weren't acknowledged (a FIN acknowledges what came before
        it), or it has already answered them with a reset, which Linux notes as EPIPE on a socket that had got a FIN. Elsewhere than on Linux, and
        after a reset without a FIN, we don't know and say no: RFC 9112 9.3.1 forbids to repeat a POST on a guess.

        Source: RFC 9293 3.10.7.4; `tcp_reset` and `struct tcp_info` of Linux.
        """
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if sock is None or not sys.platform.startswith("linux"):
            return False
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == errno.EPIPE:
            return True
        state = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_UNACKED + 4)
        return int.from_bytes(state[_TCP_INFO_UNACKED:], sys.byteorder) > 0
