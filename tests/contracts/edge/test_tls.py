"""TLS by certificate files."""

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme

from tests.contracts.edge.handlers import count_down, echo
from tests.contracts.edge.servers import ServeOwn
from tests.contracts.edge.wire import WireClient, get, post
from turnout.serve.edge.config import EdgeConfig, EdgeLimits, TlsFiles
from turnout.serve.edge.edge import Edge


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> TlsFiles:
    issued = authority.issue_cert("localhost", "127.0.0.1")
    files = TlsFiles(tmp_path / "cert.pem", tmp_path / "key.pem")
    files.cert.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    files.key.write_bytes(issued.private_key_pem.bytes())
    return files


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def test_answers_unary_requests_and_streams(
    serve_own: ServeOwn, files: TlsFiles, trusting: ssl.SSLContext
) -> None:
    edge = await serve_own(count_down, EdgeConfig("127.0.0.1", 0, tls=files))
    async with WireClient(edge.host, edge.port, trusting) as client:
        answers = [await client.ask(get()), await client.ask(get(b"/", b"connection: close"))]
    assert {answer.body for answer in answers} == {b"data: 3\n\ndata: 2\n\ndata: 1\n\n"}


async def test_a_refusal_arrives(serve_own: ServeOwn, files: TlsFiles, trusting: ssl.SSLContext) -> None:
    edge = await serve_own(echo, EdgeConfig("127.0.0.1", 0, EdgeLimits(body_bytes=10), tls=files))
    async with WireClient(edge.host, edge.port, trusting) as client:
        assert (await client.ask(post(b"x" * 500_000))).status == 413


async def test_a_client_without_tls_is_dropped_and_the_next_one_served(
    serve_own: ServeOwn, files: TlsFiles, trusting: ssl.SSLContext
) -> None:
    edge = await serve_own(echo, EdgeConfig("127.0.0.1", 0, tls=files))
    async with WireClient(edge.host, edge.port) as plain:
        plain.send(get())
        assert b"HTTP" not in await plain.rest()
    async with WireClient(edge.host, edge.port, trusting) as client:
        assert (await client.ask(get())).status == 200


async def test_a_client_that_never_shakes_hands_is_dropped(serve_own: ServeOwn, files: TlsFiles) -> None:
    edge = await serve_own(echo, EdgeConfig("127.0.0.1", 0, EdgeLimits(header_s=0.1), tls=files))
    async with WireClient(edge.host, edge.port) as silent:
        assert await silent.rest() == b""


async def test_versions_before_1_2_are_refused(serve_own: ServeOwn, files: TlsFiles, trusting: ssl.SSLContext) -> None:
    edge = await serve_own(echo, EdgeConfig("127.0.0.1", 0, tls=files))
    trusting.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    trusting.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection(edge.host, edge.port, ssl=trusting)


async def test_files_that_are_no_certificate_are_an_error_at_start(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no certificate")
    with pytest.raises(OSError, match=r".*"):
        await Edge(echo, EdgeConfig("127.0.0.1", 0, tls=TlsFiles(tmp_path / "x", tmp_path / "x"))).start()
