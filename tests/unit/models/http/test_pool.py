"""What the pool adds to the contract: stale connections told apart, the cap, the idle limit, and no wake-ups when idle."""

import asyncio
import socket
import threading

import pytest

from tests.contracts.upstream.scripted import Peer, ScriptedServer, answer
from tests.fakes import FakeOut
from turnout.models.http.pool import PoolLimits
from turnout.models.http.upstream import HttpUpstream
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure, Limits, Outcome, UpstreamRequest


async def ask(upstream: HttpUpstream, port: int, body: bytes = b"{}", connect_s: float = 2) -> Outcome:
    now = asyncio.get_running_loop().time()
    endpoint = Endpoint("e", "127.0.0.1", port)
    return await upstream.relay(
        endpoint, UpstreamRequest("/x", body, False), FakeOut(), Limits(connect_s, 5, 5, now + 10)
    )


class ThreadedPeer:
    """A server in a thread of its own, so that it can close while the client's loop doesn't run."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._may_close = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close_connection(self) -> None:
        """Close the one connection before returning."""
        self._may_close.set()
        self._thread.join()

    def _serve(self) -> None:
        connection, _ = self._listener.accept()
        received = b""
        while b"\r\n\r\n{}" not in received:
            received += connection.recv(65536)
        connection.sendall(answer(b"{}"))
        self._may_close.wait()
        connection.close()
        self._listener.close()


@pytest.mark.parametrize("body", [b"{}", b"x" * 300_000])
async def test_a_kept_connection_that_was_closed_before_the_request_is_stale_and_may_be_repeated(body: bytes) -> None:
    peer, upstream = ThreadedPeer(), HttpUpstream()
    assert (await ask(upstream, peer.port)).is_ok
    peer.close_connection()  # the loop stands still meanwhile, so the client can't know yet
    outcome = await ask(upstream, peer.port, body)
    assert (outcome.failure, outcome.was_sent) == (Failure.STALE, False)
    await upstream.close()


async def test_requests_over_the_cap_wait_for_a_connection() -> None:
    open_now, most = 0, 0

    async def script(peer: Peer) -> None:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        for _ in range(20):
            await peer.read_request()
            await peer.send(answer(b"{}"))
        await peer.gone()
        open_now -= 1

    async with ScriptedServer(script) as server:
        upstream = HttpUpstream(PoolLimits(connections=2))
        outcomes = await asyncio.gather(*[ask(upstream, server.port) for _ in range(20)])
        assert all(outcome.is_ok for outcome in outcomes)
        assert most == 2
        await upstream.close()


async def test_waiting_for_a_connection_counts_as_connecting_and_sends_nothing() -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        asked.set()
        await peer.gone()

    async with ScriptedServer(script) as server:
        upstream = HttpUpstream(PoolLimits(connections=1))
        first = asyncio.ensure_future(ask(upstream, server.port))
        await asked.wait()
        second = await ask(upstream, server.port, connect_s=0.1)
        assert (second.failure, second.was_sent) == (Failure.CONNECT_TIMEOUT, False)
        third = asyncio.ensure_future(ask(upstream, server.port))
        await asyncio.sleep(0)
        third.cancel()
        fourth = asyncio.ensure_future(ask(upstream, server.port))
        await asyncio.sleep(0)
        asked.clear()
        first.cancel()
        await asyncio.wait_for(asked.wait(), 1)  # the place of the first, past the cancelled third, is the fourth's
        assert len(server.peers) == 2
        fourth.cancel()
        await asyncio.gather(first, third, fourth, return_exceptions=True)
        await upstream.close()


async def test_idle_connections_are_closed_after_their_time_and_nothing_wakes_up_after_that() -> None:
    gone = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}"))
        await peer.gone()
        gone.set()

    async with ScriptedServer(script) as server:
        upstream = HttpUpstream(PoolLimits(idle_s=0.1))
        assert (await ask(upstream, server.port)).is_ok
        assert "1 idle" in repr(upstream)
        await asyncio.wait_for(gone.wait(), 1)
        await asyncio.sleep(0.15)
        assert repr(upstream) == "HttpUpstream([], Deadlines(0 watched))"
        await upstream.close()


async def test_no_more_idle_connections_are_kept_than_allowed() -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await peer.send(answer(b"{}"))

    async with ScriptedServer(script) as server:
        upstream = HttpUpstream(PoolLimits(idle_connections=2))
        await asyncio.gather(*[ask(upstream, server.port) for _ in range(8)])
        assert "2 connections, 2 idle" in repr(upstream)
        await upstream.close()


async def test_cancelled_calls_leave_no_connection_behind() -> None:
    async def script(peer: Peer) -> None:
        await peer.gone()

    async with ScriptedServer(script) as server:
        upstream = HttpUpstream()
        for turns in range(30):
            task = asyncio.ensure_future(ask(upstream, server.port))
            for _ in range(turns % 10):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        assert "0 connections, 0 idle" in repr(upstream)
        await upstream.close()
