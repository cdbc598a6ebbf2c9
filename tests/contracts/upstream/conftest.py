"""Every way a request can take to a model server, each run through the same tests."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass

import pytest
import trustme
import uvloop

from tests.contracts.upstream.proxy import PassingProxy
from tests.contracts.upstream.scripted import Script, ScriptedServer
from tests.fakes import FakeOut
from turnout.models.exchange import Headers, Out
from turnout.models.http.upstream import HttpUpstream
from turnout.models.target import Endpoint
from turnout.models.upstream import Limits, Outcome, UpstreamRequest

BODY = b'{"model":"m","messages":[]}'


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that the product runs on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@dataclass
class Way:
    """
    A client, and how to reach a scripted server with it.

    Attributes:
        name: `pool`, `pool-tls`, `proxy` or `proxy-tls`.
        upstream: the client under test.
        serve: starts a server that runs the script on each connection; it ends with the test.
    """

    name: str
    upstream: HttpUpstream
    serve: Callable[[Script], Awaitable[ScriptedServer]]
    client_tls: ssl.SSLContext | None
    proxy_url: str | None

    @property
    def is_pooled(self) -> bool:
        return self.proxy_url is None

    def endpoint(self, server: ScriptedServer, headers: Headers = (), port: int = 0) -> Endpoint:
        return Endpoint(
            id="e",
            host="localhost" if self.client_tls else "127.0.0.1",
            port=port or server.port,
            tls=self.client_tls,
            base_path="/v1",
            headers=headers,
            proxy=self.proxy_url,
        )

    async def ask(
        self,
        server: ScriptedServer,
        out: Out | None = None,
        is_stream: bool = False,
        body: bytes = BODY,
        headers: Headers = (),
        **limits: float,
    ) -> Outcome:
        request = UpstreamRequest("/chat/completions", body, is_stream, headers)
        return await self.send(self.endpoint(server), request, out, **limits)

    async def send(
        self, endpoint: Endpoint, request: UpstreamRequest, out: Out | None = None, **limits: float
    ) -> Outcome:
        return await self.upstream.relay(endpoint, request, FakeOut() if out is None else out, limits_of(**limits))


def limits_of(
    connect_s: float = 5, first_byte_s: float = 5, gap_s: float = 5, total_s: float = 10, answer_bytes: float = 2**26
) -> Limits:
    return Limits(connect_s, first_byte_s, gap_s, asyncio.get_running_loop().time() + total_s, int(answer_bytes))


@pytest.fixture(params=["pool", "pool-tls", "proxy", "proxy-tls"])
async def way(request: pytest.FixtureRequest, authority: trustme.CA) -> AsyncGenerator[Way, None]:
    name: str = request.param
    server_tls = client_tls = None
    if name.endswith("tls"):
        server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("localhost").configure_cert(server_tls)
        client_tls = ssl.create_default_context()
        authority.configure_trust(client_tls)
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(PassingProxy()) if name.startswith("proxy") else None

        async def serve(script: Script) -> ScriptedServer:
            return await stack.enter_async_context(ScriptedServer(script, server_tls))

        upstream = HttpUpstream()
        stack.push_async_callback(upstream.close)
        yield Way(name, upstream, serve, client_tls, proxy.url if proxy else None)
