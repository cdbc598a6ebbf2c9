"""What a whole answer does to the Out and the Outcome, by every way."""

import asyncio

import pytest

from tests.contracts.upstream.conftest import BODY, Way
from tests.contracts.upstream.scripted import LAST_CHUNK, STREAM_HEAD, Peer, answer, chunk
from tests.fakes import FakeOut
from turnout.models.upstream import Failure, UpstreamRequest

EVENTS = [b'data: {"n":1}\n\n', b'data: {"n":2}\n\n', b"data: [DONE]\n\n"]


async def test_a_unary_answer_ends_in_one_full_with_only_its_content_type(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b'{"ok":true}', b"200 OK", b"X-Turnout-Load: 1 2 0.5 3", b"Set-Cookie: a=b"))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out)
    assert outcome.is_ok
    assert outcome.is_committed
    assert (out.full_calls, out.status, out.body) == (1, 200, b'{"ok":true}')
    assert out.headers == {b"content-type": b"application/json"}
    assert dict(outcome.headers)[b"x-turnout-load"] == b"1 2 0.5 3"
    assert outcome.first_byte_at is not None
    assert outcome.first_byte_at <= outcome.ended_at


@pytest.mark.parametrize("is_stream", [False, True])
async def test_an_answers_header_goes_into_the_out_where_the_request_passes_it(way: Way, is_stream: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}", b"200 OK", b"X-RateLimit-Remaining-Requests: 7", b"Set-Cookie: a=b"))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    request = UpstreamRequest("/chat/completions", BODY, is_stream, passes=lambda name: b"ratelimit" in name)
    assert (await way.send(way.endpoint(server), request, out)).is_ok
    assert out.headers == {b"content-type": b"application/json", b"x-ratelimit-remaining-requests": b"7"}


async def test_a_stream_is_started_written_and_ended(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD, *[chunk(each) for each in EVENTS], LAST_CHUNK)
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream=True)
    assert outcome.is_ok
    assert out.is_ended
    assert (out.status, out.headers, out.full_calls) == (200, {b"content-type": b"text/event-stream"}, 0)
    assert out.body == b"".join(EVENTS)


async def test_each_piece_of_a_stream_is_written_as_it_comes(way: Way) -> None:
    seen: list[bytes] = []

    class Echoing(FakeOut):
        """Lets the server go on only when the piece before has arrived."""

        def write(self, chunk: bytes) -> None:
            super().write(chunk)
            seen.append(chunk)
            arrived.set()

    arrived = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD)
        for each in EVENTS:
            arrived.clear()
            await peer.send(chunk(each))
            await arrived.wait()
        await peer.send(LAST_CHUNK)
        await peer.gone()

    outcome = await way.ask(await way.serve(script), Echoing(), is_stream=True)
    assert outcome.is_ok
    assert seen == EVENTS


async def test_a_stream_that_comes_back_as_json_is_still_written_in_pieces(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b'{"not":"a stream"}'))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream=True)
    assert outcome.is_ok
    assert (out.full_calls, out.is_ended, out.body) == (0, True, b'{"not":"a stream"}')
    assert out.headers == {b"content-type": b"application/json"}


@pytest.mark.parametrize("is_stream", [False, True])
async def test_an_error_is_kept_in_the_outcome_and_leaves_the_out_alone(way: Way, is_stream: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b'{"error":{}}', b"429 Too Many Requests", b"Retry-After: 7"))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream)
    assert (outcome.status, outcome.body, outcome.failure) == (429, b'{"error":{}}', None)
    assert not outcome.is_ok
    assert not outcome.is_committed
    assert dict(outcome.headers)[b"retry-after"] == b"7"
    assert out.status == 0


async def test_a_redirect_is_an_answer_and_not_followed(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"", b"307 Temporary Redirect", b"Location: http://127.0.0.1:1/"))
        await peer.gone()

    server = await way.serve(script)
    outcome = await way.ask(server)
    assert (outcome.status, outcome.failure, len(server.requests)) == (307, None, 1)


@pytest.mark.parametrize("is_stream", [False, True])
async def test_no_content_is_a_whole_answer(way: Way, is_stream: bool) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream)
    assert outcome.is_ok
    assert (out.status, out.body, out.is_ended) == (204, b"", True)


async def test_interim_answers_are_skipped(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", answer(b"{}"))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out)
    assert outcome.is_ok
    assert out.body == b"{}"
    assert b"link" not in dict(outcome.headers)


async def test_an_answer_without_a_length_ends_where_the_peer_closes(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b'{"to', b'":"close"}')

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out)
    assert outcome.is_ok
    assert out.body == b'{"to":"close"}'


async def test_trailers_and_chunk_extensions_are_dropped(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(STREAM_HEAD + b"2;name=value\r\n{}\r\n0\r\nX-Late: yes\r\n\r\n")
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out, is_stream=True)
    assert outcome.is_ok
    assert out.body == b"{}"
    assert b"x-late" not in dict(outcome.headers)


async def test_a_stream_split_at_every_byte_reads_the_same(way: Way) -> None:
    wire = STREAM_HEAD + b"".join(chunk(each) for each in EVENTS) + LAST_CHUNK

    async def script(peer: Peer) -> None:
        for at in range(1, len(wire)):
            await peer.read_request()
            await peer.send(wire[:at], wire[at:])
        await peer.gone()

    server = await way.serve(script)
    for at in range(1, len(wire)):
        out = FakeOut()
        outcome = await way.ask(server, out, is_stream=True)
        assert outcome.is_ok, at
        assert (out.body, out.is_ended) == (b"".join(EVENTS), True), at


async def test_the_request_has_host_length_type_and_both_sets_of_headers(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}"))
        await peer.gone()

    server = await way.serve(script)
    request = UpstreamRequest("/chat/completions", BODY, False, ((b"x-request-id", b"r1"), (b"connection", b"upgrade")))
    endpoint = way.endpoint(server, headers=((b"authorization", b"Bearer sk-1"),))
    outcome = await way.send(endpoint, request)
    assert outcome.is_ok
    (received,) = server.requests
    method, target, version = received.line.split(b" ")
    assert (method, version) == (b"POST", b"HTTP/1.1")
    assert target.endswith(b"/v1/chat/completions")
    assert received.body == BODY
    assert received.headers[b"host"] == f"{endpoint.host}:{server.port}".encode()
    assert received.headers[b"content-type"] == b"application/json"
    assert received.headers[b"accept-encoding"] == b"identity"
    assert received.headers[b"authorization"] == b"Bearer sk-1"
    assert received.headers[b"x-request-id"] == b"r1"
    assert received.headers.get(b"connection", b"keep-alive") == b"keep-alive"


async def test_a_large_body_arrives_whole(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}"))
        await peer.gone()

    body = b'"' + b"x" * 3_000_000 + b'"'
    server = await way.serve(script)
    outcome = await way.ask(server, body=body)
    assert outcome.is_ok
    assert server.requests[0].body == body


async def test_a_get_has_no_body_and_no_type(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b'{"data":[]}'))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    request = UpstreamRequest("/models", b"", False, method="GET")
    outcome = await way.send(way.endpoint(server), request, out)
    assert outcome.is_ok
    (received,) = server.requests
    assert received.line.startswith(b"GET ")
    assert b"content-type" not in received.headers
    assert out.body == b'{"data":[]}'


async def test_headers_that_could_smuggle_a_line_are_refused_before_anything_is_sent(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()

    server = await way.serve(script)
    with pytest.raises(ValueError, match="x-request-id"):
        await way.ask(server, headers=((b"x-request-id", b"a\r\nx-evil: 1"),))
    assert server.requests == []


async def test_an_answer_that_is_encoded_all_the_same_is_a_protocol_failure(way: Way) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"\x1f\x8b", b"200 OK", b"Content-Encoding: gzip"))
        await peer.gone()

    server, out = await way.serve(script), FakeOut()
    outcome = await way.ask(server, out)
    assert outcome.failure is Failure.PROTOCOL
    assert out.status == 0
