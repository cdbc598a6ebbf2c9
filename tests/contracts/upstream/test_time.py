"""Limits of time, cancelling, and back-pressure, by every way."""

import asyncio

import pytest

from tests.contracts.upstream.conftest import Way
from tests.contracts.upstream.scripted import LAST_CHUNK, STREAM_HEAD, Peer, answer, chunk
from tests.fakes import FakeOut
from turnout.models.exchange import Headers
from turnout.models.upstream import Failure, Outcome

LATE_S = 0.25
"""How much later than its limit a timeout may come on a busy machine; the client itself needs two ticks of 25 ms."""


@pytest.mark.parametrize("is_stream", [False, True])
async def test_silence_before_the_first_byte_runs_out(way: Way, is_stream: bool) -> None:
    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        if is_stream:
            await peer.send(STREAM_HEAD)  # a head isn't a first byte of a stream
        await peer.gone()
        closed.set()

    server, out = await way.serve(script), FakeOut()
    began = asyncio.get_running_loop().time()
    outcome = await way.ask(server, out, is_stream, first_byte_s=0.2)
    assert (outcome.failure, outcome.was_sent, outcome.is_committed) == (Failure.FIRST_BYTE_TIMEOUT, True, False)
    assert outcome.ended_at - began >= 0.19
    await asyncio.wait_for(closed.wait(), 1)
    assert closed.is_set()


async def test_the_next_request_on_a_connection_has_its_limits_before_the_last_is_heard_to_be_over(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}"))
        await peer.read_request()
        await peer.gone()

    server = await way.serve(script)
    following: list[asyncio.Task[Outcome]] = []

    class AskAgain(FakeOut):
        """Asks the next while the last one's answer is handed over, and so in front of whoever waits for that."""

        def full(self, status: int, headers: Headers, body: bytes) -> None:
            super().full(status, headers, body)
            following.append(asyncio.create_task(way.ask(server, is_stream=True, first_byte_s=0.2)))

    assert (await way.ask(server, AskAgain())).is_ok
    outcome = await asyncio.wait_for(following[0], 3)
    assert outcome.failure is Failure.FIRST_BYTE_TIMEOUT


async def test_silence_between_two_pieces_runs_out(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, chunk(b"data: 1\n\n"))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    began = asyncio.get_running_loop().time()
    outcome = await way.ask(server, out, is_stream=True, gap_s=0.15)
    assert (outcome.failure, outcome.is_committed, out.is_ended) == (Failure.GAP_TIMEOUT, True, False)
    assert 0.14 <= outcome.ended_at - began < 0.15 + LATE_S + 0.5
    assert out.body == b"data: 1\n\n"


@pytest.mark.parametrize("is_stream", [False, True])
async def test_the_total_time_ends_everything(way: Way, is_stream: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD)
        while True:
            await peer.send(chunk(b"data: 1\n\n"))
            await asyncio.sleep(0.02)

    outcome = await way.ask(await way.serve(script), is_stream=is_stream, total_s=0.2)
    assert outcome.failure is Failure.TOTAL_TIMEOUT
    assert outcome.was_sent


@pytest.mark.parametrize("is_stream", [False, True])
async def test_cancelling_closes_the_connection_within_100_ms(way: Way, is_stream: bool) -> None:
    asked, closed = asyncio.Event(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        if is_stream:
            await peer.send(STREAM_HEAD, chunk(b"data: 1\n\n"))
        asked.set()
        await peer.gone()
        closed.set()

    task = asyncio.ensure_future(way.ask(await way.serve(script), is_stream=is_stream))
    await asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(closed.wait(), 0.1)
    assert closed.is_set()


async def test_closing_the_client_ends_calls_in_flight_as_reset(way: Way) -> None:
    asked = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        asked.set()
        await peer.gone()

    task = asyncio.ensure_future(way.ask(await way.serve(script)))
    await asked.wait()
    await way.upstream.close()
    outcome = await asyncio.wait_for(task, 1)
    assert outcome.failure is Failure.RESET


class SlowOut(FakeOut):
    """Takes one piece, then makes the client wait until `ready` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_piece = asyncio.Event()
        self.written_while_waiting = 0
        self.written = 0

    def write(self, chunk: bytes) -> "asyncio.Future[None] | None":
        self.written += len(chunk)
        if self.ready.done():
            return None
        self.has_piece.set()
        self.written_while_waiting += len(chunk)
        return self.ready


async def test_a_slow_reader_stops_the_peer_and_loses_nothing(way: Way) -> None:
    pieces, sent = 400, 0

    async def script(peer: Peer) -> None:
        nonlocal sent
        peer.writer.transport.set_write_buffer_limits(high=65536)
        await peer.read_request()
        await peer.send(STREAM_HEAD)
        for _ in range(pieces):
            await peer.send(chunk(b"x" * 65536))
            sent += 1
        await peer.send(LAST_CHUNK)
        await peer.gone()

    out = SlowOut()
    task = asyncio.ensure_future(way.ask(await way.serve(script), out, is_stream=True, gap_s=0.5))
    await out.has_piece.wait()
    stopped = -1
    while stopped != sent:  # until the peer can't send any more
        stopped = sent
        await asyncio.sleep(0.6)  # also longer than the gap, which mustn't run meanwhile
    assert stopped < pieces
    assert out.written_while_waiting <= 1024 * 1024
    out.ready.set_result(None)
    outcome = await task
    assert outcome.is_ok, outcome
    assert out.written == pieces * 65536


async def test_the_total_time_runs_on_while_the_reader_is_slow(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, chunk(b"data: 1\n\n"))
        await peer.gone()

    out = SlowOut()
    outcome = await way.ask(await way.serve(script), out, is_stream=True, total_s=0.3, gap_s=0.1)
    assert outcome.failure is Failure.TOTAL_TIMEOUT


async def test_an_answer_within_its_limits_is_not_cut(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await asyncio.sleep(0.1)
        await peer.send(answer(b"{}"))
        await peer.gone()

    outcome = await way.ask(await way.serve(script), first_byte_s=1, gap_s=0.01)
    assert outcome.is_ok
