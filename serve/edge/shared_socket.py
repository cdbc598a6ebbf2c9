"""One listening socket for all edges of a cluster that want the same port on this node: descriptors handed over abstract unix sockets (Linux)."""

import asyncio
import contextlib
import errno
import os
import socket
import struct
import sys
from pathlib import Path

from turnout.serve.edge.config import ShareConfig

_BACKLOG = 2048
_TRIES = 50
_TRY_EVERY_S = 0.04
_PEER_S = 1.0
_QUESTION_BYTES = 64
_ANSWER_BYTES = 16 * 1024 * 1024
_CREDENTIALS = struct.Struct("3i")
_LISTENS = "00010000"  # __SO_ACCEPTCON in the Flags column of /proc/net/unix
_SOCKET = "socket"
_ARRIVED = "arrived"


async def open_socket(host: str, port: int, share: ShareConfig | None) -> "tuple[socket.socket, Offer | None]":
    """
    Get a listening socket for an address: a sibling's, or a new one, offered to siblings to come.

    Args:
        host: a name or address of this machine.
        port: 0 for any free one (never a sibling's).
        share: with whom to share; None, or not on Linux: nobody.

    Raises:
        OSError: the port is held by somebody else; the text says by whom, if that can be known.
    """
    family, address = await _resolve(host, port)
    if share is None or sys.platform != "linux":
        return bind(family, address), None
    for _ in range(_TRIES if port else 1):
        sock = await _take_from_sibling(share, family, address)
        if sock is None:
            try:
                sock = bind(family, address)
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                await asyncio.sleep(_TRY_EVERY_S)
                continue
        offer = Offer(sock, share)
        await offer.greet()
        return sock, offer
    raise OSError(errno.EADDRINUSE, f"port {port} is held by {_holder(share, port)}; stop it or choose another port")


def bind(family: int, address: tuple[str, int]) -> socket.socket:
    """
    Open a listening socket of our own. Without SO_REUSEPORT: a foreign holder of the port is an error, not a rival.

    Raises:
        OSError: from bind(2); the text names the address.
    """
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        raise OSError(
            error.errno, f"can't listen on {address[0]} port {address[1]}: {os.strerror(error.errno or 0)}"
        ) from error
    sock.setblocking(False)
    return sock


class Offer:
    """
    Owns the abstract unix socket through which siblings get the listening socket and ask questions.

    Its name is `turnout/CLUSTER/PORT/PID/N`. Whoever connects sends one line: a question of `ShareConfig.answers`, `socket`, or `arrived`. Both ends
    check by SO_PEERCRED that the other runs as the same user: names of abstract sockets are anybody's to take.
    """

    def __init__(self, listening: socket.socket, share: ShareConfig) -> None:
        self._listening = listening
        self._share = share
        self._port = int(listening.getsockname()[1])
        self._loop = asyncio.get_running_loop()
        self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._visits: set[asyncio.Task[None]] = set()
        self.name = self._bind()
        self.siblings: frozenset[str] = frozenset()
        self._sock.listen(64)
        self._sock.setblocking(False)
        self._loop.add_reader(self._sock, self._admit)

    def __repr__(self) -> str:
        return f"<Offer {self.name} siblings={len(self.siblings)}>"

    def refresh(self) -> None:
        """Look again who shares the socket."""
        self.siblings = frozenset(_names(self._share.cluster_id, self._port)) - {self.name}

    async def greet(self) -> None:
        """Tell the siblings that there's one more."""
        self.refresh()
        await self.ask(_ARRIVED, _PEER_S)

    async def ask(self, question: str, timeout_s: float) -> list[bytes]:
        """The siblings' answers; nothing of those that are late, or don't know the question."""
        self.refresh()
        answers = await asyncio.gather(*(_ask(name, question, timeout_s) for name in self.siblings))
        return [answer for answer in answers if answer]

    def close(self) -> None:
        """Stop offering."""
        if self._sock.fileno() < 0:
            return
        self._loop.remove_reader(self._sock)
        self._sock.close()
        for visit in self._visits:
            visit.cancel()

    def _bind(self) -> str:
        for number in range(1024):
            name = f"turnout/{self._share.cluster_id}/{self._port}/{os.getpid()}/{number}"
            with contextlib.suppress(OSError):
                self._sock.bind(f"\0{name}")
                return name
        raise OSError(errno.EADDRINUSE, f"can't offer port {self._port} to siblings: every name is taken")

    def _admit(self) -> None:
        try:
            visitor, _ = self._sock.accept()
        except OSError:
            return
        visitor.setblocking(False)
        visit = self._loop.create_task(self._serve(visitor))
        self._visits.add(visit)
        visit.add_done_callback(self._visits.discard)

    async def _serve(self, visitor: socket.socket) -> None:
        with visitor, contextlib.suppress(OSError):
            if not _is_ours(visitor):
                return
            async with asyncio.timeout(_PEER_S):
                question = (await self._loop.sock_recv(visitor, _QUESTION_BYTES)).decode("ascii", "replace").strip()
                if question == _SOCKET:
                    socket.send_fds(visitor, [b"."], [self._listening.fileno()])
                elif question == _ARRIVED:
                    self.refresh()
                elif question in self._share.answers:
                    await self._loop.sock_sendall(visitor, self._share.answers[question]())


async def _take_from_sibling(share: ShareConfig, family: int, address: tuple[str, int]) -> socket.socket | None:
    for name in _names(share.cluster_id, address[1]) if address[1] else ():
        with contextlib.suppress(OSError):
            async with asyncio.timeout(_PEER_S):
                sock = await _receive(name)
            if sock is not None and sock.family == family and sock.getsockname()[:2] == address:
                sock.setblocking(False)
                return sock
            if sock is not None:
                sock.close()
    return None


async def _receive(name: str) -> socket.socket | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        await _say(visitor, name, _SOCKET)
        await _readable(visitor)
        _, descriptors, _, _ = socket.recv_fds(visitor, 1, 1)
        return socket.socket(fileno=descriptors[0]) if descriptors else None


async def _ask(name: str, question: str, timeout_s: float) -> bytes | None:
    loop = asyncio.get_running_loop()
    answer = bytearray()
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
            async with asyncio.timeout(timeout_s):
                await _say(visitor, name, question)
                while piece := await loop.sock_recv(visitor, 65536):
                    answer += piece
                    if len(answer) > _ANSWER_BYTES:
                        return None
    except OSError:  # gone, or too slow: TimeoutError is one
        return None
    return bytes(answer)


async def _say(visitor: socket.socket, name: str, line: str) -> None:
    loop = asyncio.get_running_loop()
    visitor.setblocking(False)
    await loop.sock_connect(visitor, f"\0{name}")
    if not _is_ours(visitor):
        raise PermissionError(errno.EPERM, f"the abstract socket {name!r} belongs to another user")
    await loop.sock_sendall(visitor, line.encode() + b"\n")


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready = loop.create_future()
    loop.add_reader(sock, lambda: None if ready.done() else ready.set_result(None))
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _is_ours(peer: socket.socket) -> bool:
    _, uid, _ = _CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return bool(uid == os.geteuid())


def _names(cluster_id: str | None, port: int) -> list[str]:
    """Names of offers for a port, of one cluster or (None) of all."""
    try:
        lines = Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found: list[str] = []
    for line in lines:
        words = line.split()
        if len(words) == 8 and words[3] == _LISTENS and words[7].startswith("@turnout/"):
            parts = words[7][1:].split("/")
            if len(parts) == 5 and parts[2] == str(port) and cluster_id in (None, parts[1]):
                found.append("/".join(parts))
    return found


def _holder(share: ShareConfig, port: int) -> str:
    clusters = {name.split("/")[1] for name in _names(None, port)} - {share.cluster_id}
    return f"the cluster {min(clusters)!r}" if clusters else "another program"


async def _resolve(host: str, port: int) -> tuple[int, tuple[str, int]]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    family, _, _, _, address = found[0]
    return family, (str(address[0]), int(address[1]))
