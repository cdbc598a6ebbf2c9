"""
Puts TLS in front of the mock upstream: decrypts, and copies bytes both ways.

    python -m turnout.benchmarks.load.tls_front UPSTREAM_PORT CERT KEY      prints "listening PORT"
"""

import asyncio
import ssl
import sys
from typing import cast

import uvloop


class Plain(asyncio.Protocol):
    """The side of the mock upstream."""

    def __init__(self, encrypted: "Encrypted") -> None:
        self.encrypted = encrypted

    def data_received(self, data: bytes) -> None:
        self.encrypted.transport.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.encrypted.transport.close()


class Encrypted(asyncio.Protocol):
    """The side of the gateway; what comes before the other side is open is kept for it."""

    def __init__(self, upstream_port: int) -> None:
        self.upstream_port = upstream_port
        self.early = b""
        self.plain: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        self.plain, _ = await asyncio.get_running_loop().create_connection(
            lambda: Plain(self), "127.0.0.1", self.upstream_port
        )
        self.plain.write(self.early)

    def data_received(self, data: bytes) -> None:
        if self.plain is None:
            self.early += data
        else:
            self.plain.write(data)

    def connection_lost(self, error: Exception | None) -> None:
        del error
        self.opening.cancel()
        if self.plain is not None:
            self.plain.close()


async def serve(upstream_port: int, certificate: str, key: str) -> None:
    """Listens on a free port of 127.0.0.1 until the process is ended."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Encrypted(upstream_port), "127.0.0.1", 0, ssl=context, backlog=4096)
    print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
