"""The relay of `placement: deployment`."""

import pytest

from tests.contracts.upstream.scripted import Peer, ScriptedServer, answer
from tests.fakes import FakeOut, FakeUpstream, answers, fails, refuses, streams
from turnout.models.exchange import RequestHead
from turnout.models.http.upstream import HttpUpstream
from turnout.models.openai.rate_limits import Allowance, read_allowances
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure
from turnout.serve.provider import Relay

ENDPOINT = Endpoint("far", "far.example", 443, base_path="/v1", headers=((b"authorization", b"Bearer sk-far"),))
BODY = b'{"model":"big-1","messages":[],"stream":true}'


async def relay(upstream: FakeUpstream, path: bytes = b"/v1/chat/completions", method: bytes = b"POST") -> FakeOut:
    headers = {b"x-request-id": b"r1", b"x-turnout-secret": b"s", b"authorization": b"Bearer client", b"cookie": b"c"}
    out = FakeOut()
    await Relay(ENDPOINT, upstream)(RequestHead(method, path, b"", headers, "peer"), BODY, out)
    return out


async def test_route_and_body_go_on_unchanged_and_only_harmless_headers_with_them() -> None:
    upstream = FakeUpstream(streams(b"data: 1\n\n", b"data: [DONE]\n\n"))
    out = await relay(upstream)
    ((endpoint, request, _),) = upstream.calls
    assert endpoint is ENDPOINT
    assert (request.path, request.body, request.headers) == ("/chat/completions", BODY, ((b"x-request-id", b"r1"),))
    assert out.chunks == [b"data: 1\n\n", b"data: [DONE]\n\n"]
    assert out.is_ended


async def test_a_refusal_comes_back_as_the_provider_said_it() -> None:
    headers = ((b"content-type", b"application/json"), (b"retry-after", b"7"), (b"set-cookie", b"x"))
    out = await relay(FakeUpstream(refuses(429, b'{"error":{}}', headers)))
    assert (out.status, out.body) == (429, b'{"error":{}}')
    assert out.headers == {b"content-type": b"application/json", b"retry-after": b"7"}


TOLD = {
    b"x-ratelimit-limit-requests": b"60",
    b"x-ratelimit-remaining-requests": b"0",
    b"x-ratelimit-reset-requests": b"60s",
}
"""By which a provider says what is left of its limits."""


async def test_what_a_provider_says_of_its_limits_comes_back_with_its_answers() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        lines = [name + b": " + value for name, value in TOLD.items()]
        await peer.send(answer(b"{}", b"200 OK", *lines, b"Set-Cookie: a=b"))
        await peer.gone()

    upstream = HttpUpstream()
    async with ScriptedServer(script) as server:
        head = RequestHead(b"POST", b"/v1/chat/completions", b"", {}, "peer")
        out = FakeOut()
        await Relay(Endpoint("far", "127.0.0.1", server.port), upstream)(head, BODY, out)
    await upstream.close()
    assert out.headers == {b"content-type": b"application/json", **TOLD}
    told = read_allowances(tuple(out.headers.items()))
    assert told is not None
    assert told.requests == Allowance(0, 60, 60)


async def test_what_a_provider_says_of_its_limits_comes_back_with_its_refusals() -> None:
    out = await relay(FakeUpstream(refuses(429, b"{}", tuple(TOLD.items()))))
    assert out.headers == TOLD


@pytest.mark.parametrize(
    ("failure", "status"), [(Failure.CONNECT, 502), (Failure.CONNECT_TIMEOUT, 504), (Failure.RESET, 502)]
)
async def test_a_broken_wire_is_told_as_a_gateways_error(failure: Failure, status: int) -> None:
    out = await relay(FakeUpstream(fails(failure)))
    assert out.status == status
    assert b"sk-far" not in out.body


async def test_an_answer_that_breaks_off_is_left_unfinished_so_that_the_router_can_tell() -> None:
    upstream = FakeUpstream(streams(b"data: 1\n\n", failure=Failure.RESET))
    out = await relay(upstream)
    assert out.chunks == [b"data: 1\n\n"]
    assert not out.is_ended


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [(b"/v1/files", b"POST", 404), (b"/v1/../admin", b"POST", 404), (b"/v1/chat/completions", b"GET", 405)],
)
async def test_only_the_openai_routes_go_on(path: bytes, method: bytes, status: int) -> None:
    upstream = FakeUpstream(answers(b"{}"))
    assert (await relay(upstream, path, method)).status == status
    assert upstream.calls == []
