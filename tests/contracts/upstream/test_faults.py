"""Which `Failure` each fault of a model server becomes, what of it counts as sent, and what the Out has seen."""

import asyncio
import socket

import pytest

from tests.contracts.upstream.conftest import BODY, Way
from tests.contracts.upstream.scripted import LAST_CHUNK, STREAM_HEAD, Peer, ScriptedServer, answer, chunk
from tests.fakes import FakeOut
from turnout.models.upstream import Failure, UpstreamRequest


async def test_a_refused_connection_was_not_sent(way: Way) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        endpoint = way.endpoint(ScriptedServer(_read_and_reset), port=unused.getsockname()[1])
        outcome = await way.send(endpoint, UpstreamRequest("/x", BODY, False))
    if way.name == "proxy":  # for plain HTTP it's the proxy that answers
        assert (outcome.status, outcome.failure) == (502, None)
    else:
        assert (outcome.failure, outcome.was_sent, outcome.status) == (Failure.CONNECT, False, 0)
    assert not outcome.is_committed


async def test_a_peer_that_never_accepts_is_a_connect_timeout(way: Way) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        fill = [socket.socket() for _ in range(4)]
        for each in fill:  # a full accept queue drops the SYN
            each.setblocking(False)
            each.connect_ex(silent.getsockname())
        endpoint = way.endpoint(ScriptedServer(_read_and_reset), port=silent.getsockname()[1])
        limits = {"first_byte_s": 0.3} if way.name == "proxy" else {"connect_s": 0.3}
        outcome = await way.send(endpoint, UpstreamRequest("/x", BODY, False), **limits)
        for each in fill:
            each.close()
    if way.name == "proxy":  # it takes the request before it connects
        assert (outcome.failure, outcome.was_sent) == (Failure.FIRST_BYTE_TIMEOUT, True)
    else:
        assert (outcome.failure, outcome.was_sent) == (Failure.CONNECT_TIMEOUT, False)


async def _read_and_reset(peer: Peer) -> None:
    await peer.read_request()
    peer.reset()


async def _read_and_close(peer: Peer) -> None:
    await peer.read_request()


@pytest.mark.parametrize("script", [_read_and_reset, _read_and_close])
async def test_a_connection_that_breaks_before_the_head_was_sent(way: Way, script: object) -> None:
    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out)
    assert (outcome.failure, outcome.was_sent, outcome.status) == (Failure.RESET, True, 0)
    assert not outcome.is_committed
    assert out.status == 0
    assert outcome.detail


@pytest.mark.parametrize("is_reset", [True, False])
async def test_a_stream_that_breaks_has_its_pieces_and_no_end(way: Way, is_reset: bool) -> None:
    arrived = asyncio.Event()

    class Noticing(FakeOut):
        def write(self, chunk: bytes) -> None:
            super().write(chunk)
            arrived.set()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, chunk(b"data: 1\n\n"))
        await arrived.wait()
        if is_reset:
            peer.reset()

    server, out = await way.serve(script), Noticing()
    outcome = await way.ask(server, out, is_stream=True)
    assert outcome.failure in ({Failure.RESET} if way.is_pooled else {Failure.RESET, Failure.PROTOCOL})
    assert (outcome.status, outcome.is_committed, outcome.was_sent) == (200, True, True)
    assert (out.body, out.is_ended) == (b"data: 1\n\n", False)


async def test_a_stream_that_breaks_after_its_head_alone_is_not_committed(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD)

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream=True)
    assert outcome.failure in {Failure.RESET, Failure.PROTOCOL}
    assert (outcome.status, outcome.is_committed, out.status) == (200, False, 0)


async def test_a_body_shorter_than_announced_is_a_failure_and_nothing_reaches_the_out(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b'{"whole":true}')[:-3])

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out)
    assert outcome.failure in ({Failure.RESET} if way.is_pooled else {Failure.RESET, Failure.PROTOCOL})
    assert out.status == 0


@pytest.mark.parametrize(
    "wire",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}}",
        b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n",
        STREAM_HEAD + b"zz\r\n{}\r\n0\r\n\r\n",
        STREAM_HEAD + b"ffffffffffffffffff\r\n{}",
    ],
)
async def test_what_is_not_http_is_a_protocol_failure(way: Way, wire: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(wire)
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out)
    assert (outcome.failure, outcome.was_sent) == (Failure.PROTOCOL, True)
    assert out.status == 0


async def test_what_came_before_a_broken_chunk_is_written(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, chunk(b"data: 1\n\n") + b"zz\r\n")
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream=True, gap_s=0.5)
    # aiohttp stops reading at the broken chunk without a word, so there it is the silence that tells.
    assert outcome.failure is (Failure.PROTOCOL if way.is_pooled else Failure.GAP_TIMEOUT)
    assert (out.body, out.is_ended) == (b"data: 1\n\n", False)


async def test_a_head_without_end_is_a_protocol_failure(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\n")
        for number in range(200):
            await peer.send(b"x-%d: %s\r\n" % (number, b"y" * 4000))
        await peer.gone()

    outcome = await way.ask(await way.serve(script))
    assert outcome.failure is Failure.PROTOCOL


@pytest.mark.parametrize("framing", ["length", "chunked"])
async def test_a_unary_answer_over_the_limit_is_too_large(way: Way, framing: str) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        wire = answer(b"x" * 5000) if framing == "length" else STREAM_HEAD + chunk(b"x" * 5000) + LAST_CHUNK
        await peer.send(wire)
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, answer_bytes=4999)
    assert (outcome.failure, outcome.status, out.status) == (Failure.TOO_LARGE, 200, 0)


async def test_a_stream_may_be_longer_than_the_limit_of_unary_answers(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, *[chunk(b"x" * 3000) for _ in range(4)], LAST_CHUNK)
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream=True, answer_bytes=4999)
    assert outcome.is_ok
    assert len(out.body) == 12000


async def test_an_error_body_is_kept_to_256_kib(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"x" * 300_000, b"500 Internal Server Error"))
        await peer.gone()

    outcome = await way.ask(await way.serve(script), is_stream=True)
    assert (outcome.failure, outcome.status) == (Failure.TOO_LARGE, 500)
    assert len(outcome.body) <= 256 * 1024


async def test_an_error_of_an_out_is_the_callers_and_not_the_wires(way: Way) -> None:
    class Broken(FakeOut):
        def write(self, chunk: bytes) -> None:
            raise LookupError("a fault of ours")

    closed = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, chunk(b"data: 1\n\n"))
        await peer.gone()
        closed.set()

    with pytest.raises(LookupError):
        await way.ask(await way.serve(script), Broken(), is_stream=True)
    await asyncio.wait_for(closed.wait(), 2)
    assert closed.is_set()


async def test_a_certificate_of_another_name_is_a_connect_failure(way: Way) -> None:
    if way.client_tls is None:
        pytest.skip("no certificate on this way")
    server = await way.serve(_read_and_close)
    endpoint = way.endpoint(server)
    other = type(endpoint)(id="e", host="127.0.0.1", port=server.port, tls=endpoint.tls, proxy=endpoint.proxy)
    outcome = await way.send(other, UpstreamRequest("/x", BODY, False))
    assert (outcome.failure, outcome.was_sent) == (Failure.CONNECT, False)
    assert "certificate" in outcome.detail.lower()
