"""
A yardstick, `ref_proto`: about the least that a gateway in Python can do for a request.

It checks the key, looks up the model, counts the tokens of unary answers, and hands on the bytes of both sides as they come. It has no limits,
timeouts, retries, ids or metrics, and trusts both sides: it isn't a product, and nothing but this machine may reach it.

    python -m turnout.benchmarks.reference.minimal_proxy UPSTREAM_PORT [MODEL…]      prints "listening PORT"
"""

import asyncio
import collections
import contextlib
import sys
from collections.abc import Sequence
from typing import cast

import httptools
import msgspec
import uvloop

KEY = "sk-reference"
MODEL = "mock"
BAD_KEY = b'HTTP/1.1 401 Unauthorized\r\ncontent-length: 31\r\n\r\n{"error":{"message":"bad key"}}'
BAD_REQUEST = b'HTTP/1.1 400 Bad Request\r\ncontent-length: 35\r\n\r\n{"error":{"message":"bad request"}}'


class Request(msgspec.Struct):
    """What of a request's body matters here."""

    model: str
    stream: bool = False


class Usage(msgspec.Struct):
    """What of a usage object matters here."""

    total_tokens: int


class Answer(msgspec.Struct):
    """What of an answer's body matters here."""

    usage: Usage


request_decoder = msgspec.json.Decoder(Request)
answer_decoder = msgspec.json.Decoder(Answer)


class Proxy:
    """The configured world and the idle upstream connections; one for the process."""

    def __init__(self, upstream_port: int, models: Sequence[str]) -> None:
        self.upstream_port = upstream_port
        self.tenants = {f"Bearer {KEY}".encode(): "tenant"}
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{upstream_port}\r\nContent-Type: application/json\r\nContent-Length: "
        self.heads = dict.fromkeys(models, head.encode())
        self.tokens: collections.Counter[str] = collections.Counter()
        self.idle: list[UpstreamConnection] = []
        self.opening: set[asyncio.Task[None]] = set()

    def send(self, client: "ClientConnection", request: bytes) -> None:
        if self.idle:
            self.idle.pop().send(client, request)
            return
        task = asyncio.get_running_loop().create_task(self.open(client, request))
        self.opening.add(task)
        task.add_done_callback(self.opening.discard)

    def count(self, tenant: str, body: bytes) -> None:
        with contextlib.suppress(msgspec.DecodeError):  # an error, or a broken answer
            self.tokens[tenant] += answer_decoder.decode(body).usage.total_tokens

    async def open(self, client: "ClientConnection", request: bytes) -> None:
        loop = asyncio.get_running_loop()
        _, upstream = await loop.create_connection(lambda: UpstreamConnection(self), "127.0.0.1", self.upstream_port)
        upstream.send(client, request)


class UpstreamConnection(asyncio.Protocol):
    """One connection to the upstream, at the service of one client at a time."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.client: ClientConnection | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def send(self, client: "ClientConnection", request: bytes) -> None:
        self.client, client.upstream = client, self
        self.parser, self.body, self.is_complete = httptools.HttpResponseParser(self), b"", False
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        client = self.client
        if client is None:
            self.transport.close()
            return
        self.parser.feed_data(data)
        client.transport.write(data)
        if self.is_complete:
            if not client.is_stream:
                self.proxy.count(client.tenant, self.body)
            self.client = client.upstream = None
            self.proxy.idle.append(self)

    def on_body(self, piece: bytes) -> None:
        if self.client is not None and not self.client.is_stream:
            self.body += piece

    def on_message_complete(self) -> None:
        self.is_complete = True

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self.client is not None:
            self.client.transport.close()
        elif self in self.proxy.idle:
            self.proxy.idle.remove(self)


class ClientConnection(asyncio.Protocol):
    """One client's connection, with one request at a time."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.parser = httptools.HttpRequestParser(self)
        self.upstream: UpstreamConnection | None = None
        self.key, self.body, self.tenant, self.is_stream = b"", b"", "", False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(name) == 13 and name.lower() == b"authorization":
            self.key = value

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        body, self.body = self.body, b""
        tenant = self.proxy.tenants.get(self.key)
        if tenant is None:
            self.transport.write(BAD_KEY)
            return
        try:
            request = request_decoder.decode(body)
            head = self.proxy.heads[request.model]
        except (msgspec.DecodeError, KeyError):
            self.transport.write(BAD_REQUEST)
            return
        self.tenant, self.is_stream = tenant, request.stream
        self.proxy.send(self, b"%s%d\r\n\r\n%s" % (head, len(body), body))

    def connection_lost(self, error: Exception | None) -> None:
        del error
        if self.upstream is not None:
            self.upstream.client = None
            self.upstream.transport.close()


async def serve(upstream_port: int, models: Sequence[str]) -> None:
    """Listens on a free port of 127.0.0.1 until the process is ended."""
    proxy = Proxy(upstream_port, models)
    server = await asyncio.get_running_loop().create_server(
        lambda: ClientConnection(proxy), "127.0.0.1", 0, backlog=4096
    )
    print(f"listening {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), sys.argv[2:] or [MODEL]))
