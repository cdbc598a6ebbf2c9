"""Small calls: a whole answer of any status, or an error that says what to do."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from tests.contracts.upstream.scripted import Peer, ScriptedServer, answer
from turnout.models.errors import UpstreamFailed, UpstreamTimeout
from turnout.models.http.collect import Collected, call
from turnout.models.http.tls import make_client_context
from turnout.models.http.upstream import HttpUpstream
from turnout.models.target import Endpoint
from turnout.models.upstream import UpstreamRequest

REQUEST = UpstreamRequest("/internal/state", b"", False, method="GET")


@pytest.mark.parametrize("status", [b"200 OK", b"404 Not Found"])
async def test_an_answer_of_any_status_is_given_whole(status: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b'{"a":1}', status))
        await peer.gone()

    async with ScriptedServer(script) as server:
        upstream = HttpUpstream()
        got = await call(upstream, Endpoint("e", "127.0.0.1", server.port), REQUEST, 2)
        assert (got.status, got.body) == (int(status[:3]), b'{"a":1}')
        assert (b"content-type", b"application/json") in got.headers
        await upstream.close()


async def test_silence_is_a_timeout_and_a_break_a_failure() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        if peer.number == 1:
            await peer.gone()

    async with ScriptedServer(script) as server:
        upstream, endpoint = HttpUpstream(), Endpoint("e", "127.0.0.1", server.port)
        with pytest.raises(UpstreamTimeout, match="'e'"):
            await call(upstream, endpoint, REQUEST, 0.1)
        with pytest.raises(UpstreamFailed, match="reset"):
            await call(upstream, endpoint, REQUEST, 2)
        await upstream.close()


def test_collected_keeps_pieces_and_whether_they_ended() -> None:
    out = Collected()
    out.start(200, ())
    assert out.write(b"a") is None
    assert out.write(b"b") is None
    assert (out.body, out.is_ended) == (b"ab", False)
    out.end()
    assert out.is_ended


async def test_the_default_context_trusts_the_authority_it_is_given_and_no_other(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    server_tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server_tls)

    async def script(peer: Peer) -> None:
        await peer.read_request()
        await peer.send(answer(b"{}"))
        await peer.gone()

    async with ScriptedServer(script, server_tls) as server:
        upstream = HttpUpstream()
        trusting = Endpoint("e", "localhost", server.port, make_client_context(tmp_path / "ca.pem"))
        assert (await call(upstream, trusting, REQUEST, 5)).status == 200
        with pytest.raises(UpstreamFailed, match="connect"):
            await call(upstream, Endpoint("e", "localhost", server.port, make_client_context()), REQUEST, 5)
        await upstream.close()
        await asyncio.sleep(0)
