"""When a connection is used again, and when it mustn't be."""

import asyncio

import pytest

from tests.contracts.upstream.conftest import Way
from tests.contracts.upstream.scripted import LAST_CHUNK, STREAM_HEAD, Peer, answer, chunk
from tests.fakes import FakeOut
from turnout.models.upstream import Failure


async def _answer_for_ever(peer: Peer) -> None:
    while True:
        await peer.read_request()
        await peer.send(answer(b"{}"))


async def test_a_connection_is_used_again(way: Way) -> None:
    server = await way.serve(_answer_for_ever)
    for _ in range(5):
        assert (await way.ask(server)).is_ok
    assert (len(server.peers), len(server.requests)) == (1, 5)


async def test_a_connection_is_used_again_after_a_stream_and_after_an_error(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, chunk(b"data: 1\n\n"), LAST_CHUNK)
        await peer.read_request()
        await peer.send(answer(b"{}", b"500 Internal Server Error"))
        await _answer_for_ever(peer)

    server = await way.serve(script)
    statuses = [(await way.ask(server, is_stream=number == 0)).status for number in range(3)]
    assert statuses == [200, 500, 200]
    assert len(server.peers) == 1


async def test_requests_side_by_side_have_connections_of_their_own(way: Way) -> None:
    both_asked = asyncio.Barrier(2)

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await both_asked.wait()
        await peer.send(answer(b"{}"))
        await peer.gone()

    server = await way.serve(script)
    outcomes = await asyncio.gather(way.ask(server), way.ask(server))
    assert all(outcome.is_ok for outcome in outcomes)
    assert len(server.peers) == 2


@pytest.mark.parametrize(
    "wire",
    [
        answer(b"{}", b"200 OK", b"Connection: close"),
        b"HTTP/1.0 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
async def test_a_connection_that_is_to_be_closed_is_not_used_again(way: Way, wire: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(wire)
        await peer.gone()

    server = await way.serve(script)
    for _ in range(2):
        assert (await way.ask(server)).is_ok
    assert len(server.peers) == 2


@pytest.mark.parametrize("excess", [b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b"garbage"])
async def test_what_follows_an_answer_unasked_is_never_taken_for_the_next_one(way: Way, excess: bytes) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            await peer.send(answer(b'{"n":%d}' % peer.number) + excess)

    server = await way.serve(script)
    for number in (1, 2):
        out = FakeOut()
        outcome = await way.ask(server, out)
        if way.is_pooled:
            assert outcome.is_ok
            assert out.body == b'{"n":%d}' % number
        else:  # aiohttp gives up the answer with what follows it, or drops what follows
            assert outcome.is_ok or outcome.failure is Failure.PROTOCOL
            assert out.body in {b'{"n":%d}' % number, b""}
    assert len(server.peers) == 2


async def test_a_connection_closed_while_idle_is_not_used_again(way: Way) -> None:
    noticed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}"))
        if peer.number == 1:
            noticed.set()
        else:
            await peer.gone()

    server = await way.serve(script)
    assert (await way.ask(server)).is_ok
    await noticed.wait()
    await server.peers[0].writer.wait_closed()
    for _ in range(5):  # the close crosses the proxy too
        await asyncio.sleep(0.01)
    assert (await way.ask(server)).is_ok
    assert len(server.peers) == 2


async def test_a_kept_connection_that_breaks_under_a_read_request_was_sent(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}"))
        await peer.read_request()  # read, perhaps begun; and then the connection goes

    server = await way.serve(script)
    assert (await way.ask(server)).is_ok
    outcome = await way.ask(server)
    assert (outcome.failure, outcome.was_sent) == (Failure.RESET, True)
