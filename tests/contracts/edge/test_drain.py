"""Leaving without losing a request: rules (a), (b) and (c) of the drain."""

import asyncio

import pytest

from tests.contracts.edge.handlers import Gate, echo
from tests.contracts.edge.servers import ServeOwn
from tests.contracts.edge.wire import WireClient, get
from turnout.serve.edge.config import EdgeConfig, EdgeLimits, ShareConfig

QUICK = EdgeConfig("127.0.0.1", 0, EdgeLimits(drain_silence_s=0.1, sweep_s=0.05))


async def test_a_silent_connection_may_send_one_more_request(serve_own: ServeOwn) -> None:
    edge = await serve_own(echo)
    async with WireClient(edge.host, edge.port) as client:
        await client.ask(get(b"/before"))
        draining = asyncio.ensure_future(edge.drain(5))
        await asyncio.sleep(0)
        assert edge.is_draining
        assert not edge.is_listening
        answer = await client.ask(get(b"/after"))
        rest = await client.rest()
        cut = await draining
    assert (answer.body, answer.headers[b"connection"], rest, cut) == (b"GET /after? ", b"close", b"", 0)


async def test_a_connection_whose_stream_began_before_is_kept_for_its_next_request(serve_own: ServeOwn) -> None:
    gate = Gate(is_stream=True)
    edge = await serve_own(gate)
    async with WireClient(edge.host, edge.port) as client:
        client.send(get())
        _, first = await client.head()
        await client.chunk()
        draining = asyncio.ensure_future(edge.drain(5))
        gate.opened.set()
        assert [await client.chunk(), await client.chunk()] == [b"last", b""]
        answer = await client.ask(get())
        await draining
    assert b"connection" not in first
    assert (answer.headers[b"connection"], answer.body) == (b"close", b"firstlast")


async def test_silent_connections_are_closed_after_a_moment(serve_own: ServeOwn) -> None:
    edge = await serve_own(echo, QUICK)
    async with WireClient(edge.host, edge.port) as client:
        await client.ask(get())
        cut = await edge.drain(5)
        rest = await client.rest()
    assert (cut, rest, edge.connections) == (0, b"", 0)


async def test_what_is_left_when_the_time_is_up_is_cut(serve_own: ServeOwn) -> None:
    gate = Gate()
    edge = await serve_own(gate)
    async with WireClient(edge.host, edge.port) as client:
        client.send(get())
        await gate.begun.wait()
        cut = await edge.drain(0.05)
        rest = await client.rest()
    assert (cut, rest, gate.cancelled.is_set(), edge.in_flight) == (1, b"", True, 0)


async def test_the_last_on_the_socket_accepts_during_its_notice(serve_own: ServeOwn) -> None:
    edge = await serve_own(echo, QUICK)
    draining = asyncio.ensure_future(edge.drain(5, notice_s=0.3))
    await asyncio.sleep(0)
    async with WireClient(edge.host, edge.port) as client:
        answer = await client.ask(get())
    await draining
    assert (answer.status, answer.headers[b"connection"]) == (200, b"close")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(edge.host, edge.port)


async def test_one_with_siblings_needs_no_notice(serve_own: ServeOwn) -> None:
    first = await serve_own(echo, EdgeConfig("127.0.0.1", 0, share=ShareConfig("drain-test")))
    second = await serve_own(echo, EdgeConfig("127.0.0.1", first.port, share=ShareConfig("drain-test")))
    await asyncio.wait_for(first.drain(5, notice_s=60), 5)
    async with WireClient(second.host, second.port) as client:
        assert (await client.ask(get())).status == 200


async def test_draining_loses_no_request_of_clients_that_keep_asking(serve_own: ServeOwn) -> None:
    share = ShareConfig("drain-loss-test")
    first = await serve_own(echo, EdgeConfig("127.0.0.1", 0, QUICK.limits, share=share))
    second = await serve_own(echo, EdgeConfig("127.0.0.1", first.port, QUICK.limits, share=share))
    has_drained = asyncio.Event()

    async def ask_until_drained() -> int:
        answers = 0
        while True:
            async with WireClient(second.host, second.port) as client:
                is_kept = True
                while is_kept:
                    answer = await client.ask(get())
                    assert answer.status == 200
                    answers += 1
                    is_kept = b"connection" not in answer.headers
                    if has_drained.is_set():
                        return answers

    clients = [asyncio.ensure_future(ask_until_drained()) for _ in range(8)]
    await asyncio.sleep(0.05)
    assert await first.drain(5) == 0
    has_drained.set()
    assert all(answers > 0 for answers in await asyncio.gather(*clients))
