"""Accepts connections from a listening socket, one at a time, and leaves room for siblings on the same socket."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable

_OUT_OF_FILES = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
_OUT_OF_FILES_PAUSE_S = 0.1
_STAND_BACK_S = 0.0001
_STAND_BACK_MOST_S = 0.002


class Listener:
    """
    Owns the accepting side of one listening socket.

    After each accept it stands back for 0.1 ms a connection held (at most 2 ms), so that a sibling which holds fewer gets the next one. Alone on the
    socket it doesn't.

    Source: `docs/adr/0004-own-http-edge.md`: largest over mean 1.00 to 1.25 over 2 to 4 replicas, against 1.75 to 2.25 without.
    """

    def __init__(
        self,
        sock: socket.socket,
        protocol_factory: Callable[[], asyncio.BaseProtocol],
        *,
        held: Callable[[], int],
        is_alone: Callable[[], bool],
        tls: ssl.SSLContext | None = None,
        handshake_s: float = 5.0,
    ) -> None:
        """
        Args:
            sock: bound and listening; closed by `stop`.
            protocol_factory: makes the protocol of one connection: the edge's own, or uvicorn's in contract tests.
            held: connections held now.
            is_alone: whether nobody else accepts from this socket.
            tls: server-side context.
            handshake_s: how long a TLS handshake may take.
        """
        self._sock = sock
        self._factory = protocol_factory
        self._held = held
        self._is_alone = is_alone
        self._tls = tls
        self._handshake_s = handshake_s
        self._loop = asyncio.get_running_loop()
        self._arriving: set[asyncio.Task[None]] = set()
        self._later: asyncio.TimerHandle | None = None
        self.is_open = False

    def __repr__(self) -> str:
        return f"<Listener open={self.is_open} held={self._held()} arriving={len(self._arriving)}>"

    def start(self) -> None:
        """Begin to accept."""
        self._sock.setblocking(False)
        self.is_open = True
        self._loop.add_reader(self._sock, self._accept_one)

    def stop(self) -> None:
        """
        Accept what already waits if nobody else will, then close the socket.

        Connections that wait in the kernel's queue are reset when the last descriptor of the socket is closed.
        """
        if not self.is_open:
            return
        self.is_open = False
        self._loop.remove_reader(self._sock)
        if self._later is not None:
            self._later.cancel()
        if self._is_alone():
            with contextlib.suppress(OSError):
                while True:
                    self._welcome(self._sock.accept()[0])
        self._sock.close()

    async def settle(self) -> None:
        """Wait until every accepted connection has its protocol."""
        await asyncio.gather(*self._arriving, return_exceptions=True)

    async def close(self) -> None:
        """Stop, and give up handshakes under way."""
        self.stop()
        for task in self._arriving:
            task.cancel()
        await self.settle()

    def _accept_one(self) -> None:
        try:
            client, _ = self._sock.accept()
        except OSError as error:
            if error.errno in _OUT_OF_FILES:
                self._stand_back(_OUT_OF_FILES_PAUSE_S)
            return
        self._welcome(client)
        if not self._is_alone():
            self._stand_back(min(_STAND_BACK_MOST_S, _STAND_BACK_S * (self._held() + len(self._arriving))))

    def _stand_back(self, seconds: float) -> None:
        self._loop.remove_reader(self._sock)
        self._later = self._loop.call_later(seconds, self._loop.add_reader, self._sock, self._accept_one)

    def _welcome(self, client: socket.socket) -> None:
        client.setblocking(False)
        task = self._loop.create_task(self._connect(client))
        self._arriving.add(task)
        task.add_done_callback(self._arriving.discard)

    async def _connect(self, client: socket.socket) -> None:
        handshake_s = self._handshake_s if self._tls is not None else None
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(
                self._factory, client, ssl=self._tls, ssl_handshake_timeout=handshake_s
            )
        except OSError:  # it has left already, or doesn't speak TLS: ssl.SSLError is an OSError
            client.close()
        except asyncio.CancelledError:
            client.close()
            raise
