"""A mock provider on a port of its own."""

import asyncio
import signal
import sys
from collections.abc import Callable

import msgspec
import uvloop

from turnout.serve.edge.config import EdgeConfig
from turnout.serve.edge.edge import Edge
from turnout.serve.mock.provider import MockProvider
from turnout.serve.mock.script import MockScript

_DRAIN_S = 2.0


class MockConfig(msgspec.Struct, frozen=True):
    """
    One mock server.

    Attributes:
        script: what it does.
        host: where it listens; it has no limits on who may change its script, so keep it on loopback.
        port: 0 for any free one.
        kept_requests: how many of the last requests `GET /_mock/requests` shows.
    """

    script: MockScript = MockScript()
    host: str = "127.0.0.1"
    port: int = 0
    kept_requests: int = 100


def print_address(host: str, port: int) -> None:
    """Say on stdout where the mock listens."""
    name = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"mock provider on http://{name}:{port}/v1\n")
    sys.stdout.flush()


async def run_mock(config: MockConfig, stopped: asyncio.Event, on_ready: Callable[[str, int], None]) -> None:
    """
    Listen and answer until `stopped` is set, then drain for at most 2 s.

    Args:
        config: what and where.
        stopped: ends it.
        on_ready: told the host and the port once connections are accepted.

    Raises:
        OSError: the address can't be listened on.
    """
    provider = MockProvider(config.script, kept_requests=config.kept_requests)
    async with Edge(provider, EdgeConfig(host=config.host, port=config.port)) as edge:
        on_ready(edge.host, edge.port)
        await stopped.wait()
        await edge.drain(_DRAIN_S)


def serve_mock(config: MockConfig, on_ready: Callable[[str, int], None] = print_address) -> None:
    """
    Run a mock server until SIGINT or SIGTERM.

    Raises:
        OSError: the address can't be listened on.
    """

    async def run() -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        await run_mock(config, stopped, on_ready)

    uvloop.run(run())
