"""The product's HTTP/1.1 edge: everything between a listening socket and a handler."""

import asyncio
import contextlib
import random
import ssl
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from turnout.models.exchange import Handler
from turnout.models.outflow import Outflow
from turnout.serve.edge.config import EdgeConfig, TlsFiles
from turnout.serve.edge.listener import Listener
from turnout.serve.edge.protocol import Connection
from turnout.serve.edge.shared_socket import Offer, open_socket
from turnout.serve.edge.traffic import Traffic

_REFRESH_SIBLINGS_S = 5.0
_HANDLERS_END_S = 2.0


class Edge:
    """
    Listens on one address and answers every request with one handler.

    Its life is `start`, `drain`, `close`; `async with` starts and closes it. All of it happens on the loop that `start` runs on.
    """

    def __init__(
        self,
        handler: Handler,
        config: EdgeConfig,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """
        Args:
            handler: answers requests; one task each.
            config: where to listen, and the limits.
            clock: monotonic seconds, for all limits of time.
            wall: seconds since 1970, for the Date header.
            draw: numbers in [0, 1), which spread the ages of connections.
        """
        self.host = config.host
        self.port = config.port
        self._config = config
        self._clock = clock
        self._traffic = Traffic(handler, config.limits, draw, wall, clock())
        self._listener: Listener | None = None
        self._offer: Offer | None = None
        self._next_sweep: asyncio.TimerHandle | None = None
        self._refresh_at = 0.0

    def __repr__(self) -> str:
        return f"<Edge {self.host}:{self.port} listening={self.is_listening} {self._traffic!r}>"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def is_listening(self) -> bool:
        """Whether connections are accepted."""
        return self._listener is not None and self._listener.is_open

    @property
    def is_draining(self) -> bool:
        """Whether `drain` has begun."""
        return self._traffic.is_draining

    @property
    def has_siblings(self) -> bool:
        """Whether other edges accept from the same socket; known to be so within 5 s of their leaving, at once of their coming."""
        return self._offer is not None and bool(self._offer.siblings)

    @property
    def connections(self) -> int:
        """Connections held."""
        return len(self._traffic.connections)

    @property
    def in_flight(self) -> int:
        """Handlers that haven't returned."""
        return len(self._traffic.answering)

    @property
    def refused(self) -> Mapping[int, int]:
        """Requests refused by the edge itself, by status, since the start."""
        return self._traffic.refused

    async def start(self) -> None:
        """
        Open the socket and begin to accept; `host` and `port` then say where.

        Raises:
            OSError: the port is held by somebody else, or the host isn't this machine's.
            ssl.SSLError: the TLS files aren't a certificate and its key.
        """
        limits = self._config.limits
        tls = None if self._config.tls is None else load_tls(self._config.tls)
        sock, self._offer = await open_socket(self._config.host, self._config.port, self._config.share)
        self.host, self.port = sock.getsockname()[:2]
        loop = asyncio.get_running_loop()
        outflow = Outflow(loop)
        self._listener = Listener(
            sock,
            lambda: Connection(self._traffic, loop, outflow),
            held=lambda: self.connections,
            is_alone=lambda: not self.has_siblings,
            tls=tls,
            handshake_s=limits.header_s,
        )
        self._listener.start()
        self._next_sweep = loop.call_later(limits.sweep_s, self._sweep_again)

    def sweep(self) -> None:
        """Look at all limits of time. Happens by itself every `EdgeLimits.sweep_s`."""
        now = self._clock()
        self._traffic.sweep(now)
        if self._offer is not None and self._offer.siblings and now >= self._refresh_at:
            self._refresh_at = now + _REFRESH_SIBLINGS_S
            self._offer.refresh()

    async def ask_siblings(self, question: str, timeout_s: float = 0.2) -> list[bytes]:
        """What the other edges on this socket answer to a question of `ShareConfig.answers`; the slow and the dead are left out."""
        return [] if self._offer is None else await self._offer.ask(question, timeout_s)

    async def drain(self, seconds: float, notice_s: float = 0.0) -> int:
        """
        Leave without losing a request: stop accepting, answer what is under way, close as connections fall silent.

        From the call on every answer says `connection: close`.

        Args:
            seconds: after this, notice included, what is left is cut.
            notice_s: the last edge on the socket goes on accepting for so long, so that load balancers can see it leave.

        Returns:
            How many handlers were cut.
        """
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + seconds
        self._traffic.begin_drain()
        if self._offer is not None:
            self._offer.refresh()
            self._offer.close()
        if notice_s > 0 and not self.has_siblings:
            await asyncio.sleep(min(notice_s, seconds))
        if self._listener is not None:
            self._listener.stop()
            await self._listener.settle()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(ends_at):
                await self._traffic.wait_empty()
        left = self.in_flight
        await self.close()
        return left

    async def close(self) -> None:
        """Stop at once: handlers are cancelled, connections cut."""
        if self._listener is not None:
            await self._listener.close()
        if self._offer is not None:
            self._offer.close()
        self._traffic.cut_all()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_HANDLERS_END_S):
                await self._traffic.wait_empty()
        if self._next_sweep is not None:
            self._next_sweep.cancel()

    def _sweep_again(self) -> None:
        self.sweep()
        self._next_sweep = asyncio.get_running_loop().call_later(self._config.limits.sweep_s, self._sweep_again)


def load_tls(files: TlsFiles) -> ssl.SSLContext:
    """
    A server-side context, TLS 1.2 or newer.

    Raises:
        OSError: a file can't be read; ssl.SSLError (an OSError too): it isn't what it should be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(files.cert, files.key)
    context.set_alpn_protocols(["http/1.1"])
    return context
