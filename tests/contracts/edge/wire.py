"""A client that speaks bytes: sends what it's told and reads answers one by one."""

import asyncio
import ssl
from dataclasses import dataclass
from types import TracebackType
from typing import Self

READ_S = 5.0


@dataclass(frozen=True, slots=True)
class WireAnswer:
    """One answer, unframed."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes


class WireClient:
    """One connection. Every read has a deadline, so that a missing answer is a failure and not a hang."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._address = (host, port)
        self._tls = tls

    async def __aenter__(self) -> Self:
        self._reader, self.writer = await asyncio.open_connection(*self._address, ssl=self._tls)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.writer.close()

    def send(self, data: bytes) -> None:
        """Write, without waiting."""
        self.writer.write(data)

    def reset(self) -> None:
        """Leave at once."""
        self.writer.transport.abort()

    async def ask(self, data: bytes, *, is_head: bool = False) -> WireAnswer:
        """Send, then read one answer."""
        self.send(data)
        return await self.answer(is_head=is_head)

    async def head(self) -> tuple[int, dict[bytes, bytes]]:
        """The head of the next answer."""
        block = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), READ_S)
        first, *lines = block[:-4].split(b"\r\n")
        pairs = (line.split(b": ", 1) for line in lines)
        return int(first.split(b" ")[1]), {name.lower(): value for name, value in pairs}

    async def chunk(self) -> bytes:
        """The next chunk of a chunked answer; b"" is its end."""
        size = int((await asyncio.wait_for(self._reader.readuntil(b"\r\n"), READ_S)).strip(), 16)
        return (await asyncio.wait_for(self._reader.readexactly(size + 2), READ_S))[:-2]

    async def answer(self, *, is_head: bool = False) -> WireAnswer:
        """The next answer, whole."""
        status, headers = await self.head()
        if is_head or status in {100, 204, 304}:
            return WireAnswer(status, headers, b"")
        if headers.get(b"transfer-encoding") == b"chunked":
            pieces = []
            while piece := await self.chunk():
                pieces.append(piece)
            return WireAnswer(status, headers, b"".join(pieces))
        if b"content-length" in headers:
            length = int(headers[b"content-length"])
            return WireAnswer(status, headers, await asyncio.wait_for(self._reader.readexactly(length), READ_S))
        return WireAnswer(status, headers, await self.rest())

    async def rest(self) -> bytes:
        """All that comes until the server ends the connection; a reset counts as its end."""
        try:
            return await asyncio.wait_for(self._reader.read(), READ_S)
        except ConnectionResetError:
            return b""


def get(path: bytes = b"/", *lines: bytes) -> bytes:
    """A GET request."""
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (path, b"".join(line + b"\r\n" for line in (b"host: test", *lines)))


def post(body: bytes, path: bytes = b"/", *lines: bytes) -> bytes:
    """A POST request with content-length."""
    head = (b"host: test", b"content-length: %d" % len(body), *lines)
    return b"POST %b HTTP/1.1\r\n%b\r\n%b" % (path, b"".join(line + b"\r\n" for line in head), body)
