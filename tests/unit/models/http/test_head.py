"""Request heads byte for byte, and what is refused."""

import ssl

import pytest

from turnout.models.exchange import Headers
from turnout.models.http.head import RequestHeads
from turnout.models.target import Endpoint
from turnout.models.upstream import UpstreamRequest


def encode(endpoint: Endpoint, path: str = "/x", method: str = "POST", headers: Headers = ()) -> bytes:
    return RequestHeads().encode(endpoint, UpstreamRequest(path, b"{}", False, headers, method))


def test_a_head_is_these_bytes() -> None:
    endpoint = Endpoint("e", "10.0.0.1", 8000, base_path="/v1", headers=((b"Authorization", b"Bearer k"),))
    assert encode(endpoint, "/chat/completions", headers=((b"x-request-id", b"r"),)) == (
        b"POST /v1/chat/completions HTTP/1.1\r\n"
        b"host: 10.0.0.1:8000\r\n"
        b"user-agent: turnout\r\n"
        b"accept-encoding: identity\r\n"
        b"authorization: Bearer k\r\n"
        b"content-type: application/json\r\n"
        b"content-length: 2\r\n"
        b"x-request-id: r\r\n"
        b"\r\n"
    )


@pytest.mark.parametrize(
    ("host", "port", "is_tls", "expected"),
    [
        ("api.example.com", 443, True, b"api.example.com"),
        ("api.example.com", 443, False, b"api.example.com:443"),
        ("api.example.com", 80, False, b"api.example.com"),
        ("::1", 8000, False, b"[::1]:8000"),
        ("2001:db8::1", 443, True, b"[2001:db8::1]"),
    ],
)
def test_host_has_brackets_and_no_default_port(host: str, port: int, is_tls: bool, expected: bytes) -> None:
    tls = ssl.create_default_context() if is_tls else None
    assert b"\r\nhost: " + expected + b"\r\n" in encode(Endpoint("e", host, port, tls))


@pytest.mark.parametrize("name", [b"Host", b"connection", b"Transfer-Encoding", b"content-length", b"te", b"upgrade"])
def test_framing_and_hop_by_hop_lines_of_others_never_go_out(name: bytes) -> None:
    head = encode(Endpoint("e", "h", 80, headers=((name, b"theirs"),)), headers=((name, b"theirs"),))
    assert b"theirs" not in head


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"x", b"a\r\nb: c"),
        (b"x", b"a\nb"),
        (b"x", b"a\0"),
        (b"x y", b"a"),
        (b"x:", b"a"),
        (b"", b"a"),
        (b"x\r\n", b"a"),
    ],
)
def test_lines_that_could_smuggle_are_refused_without_showing_the_value(name: bytes, value: bytes) -> None:
    with pytest.raises(ValueError, match="header") as caught:
        encode(Endpoint("e", "h", 80), headers=((name, value),))
    assert repr(value) not in str(caught.value)


@pytest.mark.parametrize("path", ["x", "/a b", "/a\r\nhost: evil", "/ä", ""])
def test_paths_that_could_smuggle_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        encode(Endpoint("e", "h", 80), path)


@pytest.mark.parametrize("host", ["a b", "a/b", "user@host", "h\r\n", ""])
def test_hosts_that_are_none_are_refused(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        encode(Endpoint("e", host, 80))


def test_methods_whose_answers_have_no_body_are_refused() -> None:
    with pytest.raises(ValueError, match="HEAD"):
        encode(Endpoint("e", "h", 80), method="HEAD")


def test_equal_endpoints_with_other_keys_have_other_heads_and_few_are_kept() -> None:
    heads = RequestHeads()
    request = UpstreamRequest("/x", b"{}", False)
    for number in range(2000):
        endpoint = Endpoint("e", "h", 80, headers=((b"authorization", b"Bearer %d" % number),))
        assert b"Bearer %d\r\n" % number in heads.encode(endpoint, request)
    assert repr(heads) == "RequestHeads(464 of 512)"
