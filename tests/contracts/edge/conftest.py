"""The servers that the contract suite runs against, on both event loops."""

import asyncio
from collections.abc import AsyncGenerator, Callable

import pytest
import uvloop

from tests.contracts.edge.servers import Serve, ServeOwn, Server
from tests.contracts.edge.uvicorn_double import UvicornDouble
from turnout.models.exchange import Handler
from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}


@pytest.hookimpl(optionalhook=True)
def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """uvloop, which Ray Serve runs replicas on, and asyncio's own."""
    return LOOPS


@pytest.fixture(params=["own", "uvicorn"])
async def serve(request: pytest.FixtureRequest) -> AsyncGenerator[Serve, None]:
    """Start a server for a handler; it's closed with the test."""
    servers: list[Server] = []

    async def start(handler: Handler) -> Server:
        server = Edge(handler, EdgeConfig("127.0.0.1", 0)) if request.param == "own" else UvicornDouble(handler)
        await server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        await server.close()


@pytest.fixture
async def serve_own() -> AsyncGenerator[ServeOwn, None]:
    """Start an edge with any config; it's closed with the test."""
    edges: list[Edge] = []

    async def start(handler: Handler, config: EdgeConfig | None = None) -> Edge:
        edge = Edge(handler, config or EdgeConfig("127.0.0.1", 0))
        await edge.start()
        edges.append(edge)
        return edge

    yield start
    for edge in edges:
        await edge.close()
