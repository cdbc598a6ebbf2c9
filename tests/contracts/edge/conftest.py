"""The servers that the contract suite runs against, on the product's event loop."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
import uvloop
from tests.contracts.edge.uvicorn_double import UvicornDouble

from turnout.models.exchange import Handler
from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge

Server = Edge | UvicornDouble
Serve = Callable[[Handler], Awaitable[Server]]


@pytest.fixture(scope="session")
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    return uvloop.EventLoopPolicy()


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
