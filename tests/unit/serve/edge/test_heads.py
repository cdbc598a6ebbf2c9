"""Which heads are served, which are refused, and that remembering a head changes nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contracts.edge.wire import get, post
from turnout.models.errors import BodyTooLarge, TurnoutError
from turnout.serve.edge.heads import CHUNKED, HeadReader, Request


def reader() -> HeadReader:
    return HeadReader(32 * 1024, 1000, "192.0.2.7")


def read(data: bytes) -> Request:
    """The one request in `data`."""
    found = reader().read(data)
    assert found is not None
    return found[0]


def refusal(data: bytes) -> int:
    """The status that `data` is refused with."""
    with pytest.raises(TurnoutError) as raised:
        reader().read(data)
    return raised.value.status


def lines(*headers: bytes, first: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join((first, b"host: test", *headers, b"", b""))


def test_splits_the_target_and_lowers_the_names() -> None:
    head = read(lines(b"X-A:  b c \t", first=b"POST /a%20b?c=d?e HTTP/1.1")).head
    assert (head.method, head.path, head.query, head.peer) == (b"POST", b"/a%20b", b"c=d?e", "192.0.2.7")
    assert dict(head.headers) == {b"host": b"test", b"x-a": b"b c"}


@pytest.mark.parametrize(
    ("first", "path"),
    [
        (b"OPTIONS * HTTP/1.1", b"*"),
        (b"GET http://test/a HTTP/1.1", b"/a"),
        (b"GET HTTPS://TEST HTTP/1.1", b"/"),
        (b"GET http://test?q HTTP/1.1", b"/"),
    ],
)
def test_takes_every_form_of_target_that_names_this_host(first: bytes, path: bytes) -> None:
    assert read(lines(first=first)).head.path == path


@pytest.mark.parametrize(
    "first",
    [
        b"GET http://other/ HTTP/1.1",
        b"GET test HTTP/1.1",
        b"GET * HTTP/1.1",
        b"GET /a#b HTTP/1.1",
        b"GET /\xc3\xa4 HTTP/1.1",
        b"GET /\x7f HTTP/1.1",
        b"GET  / HTTP/1.1",
        b"GET / HTTP/1.1 ",
        b"GET\t/ HTTP/1.1",
        b"GET /",
        b"get / HTTP/1.1",
        b"G@T / HTTP/1.1",
        b"GET / http/1.1",
        b" GET / HTTP/1.1",
    ],
)
def test_refuses_malformed_request_lines(first: bytes) -> None:
    assert refusal(lines(first=first)) == 400


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/0.9", 505),
        (b"PRI * HTTP/2.0", 505),
        (b"TRACE / HTTP/1.1", 501),
        (b"CONNECT test:443 HTTP/1.1", 501),
        (b"PROPFIND / HTTP/1.1", 501),
        (b"DESCRIBE / RTSP/1.0", 505),
    ],
)
def test_refuses_what_is_not_spoken_here(first: bytes, status: int) -> None:
    assert refusal(lines(first=first)) == status


@pytest.mark.parametrize(
    "header",
    [
        b"host: test",
        b"Host: other",
        b"content-length: 1\r\ncontent-length: 1",
        b"content-length: 1\r\ncontent-length: 2",
        b"content-length: 1\r\ntransfer-encoding: chunked",
        b"transfer-encoding: chunked\r\ncontent-length: 1",
        b"content-length: 1, 1",
        b"content-length: +1",
        b"content-length: -1",
        b"content-length: 0x1",
        b"content-length:",
        b"content-length: 99999999999999999999999",
        b"content-length: " + b"0" * 5000,
        b"transfer-encoding: gzip",
        b"transfer-encoding: gzip, chunked",
        b"transfer-encoding: chunked, identity",
        b"transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        b"transfer-encoding: xchunked",
        b"transfer-encoding:\x0bchunked",
        b"x : a",
        b"x\t: a",
        b"x y: a",
        b": a",
        b"no colon",
        b"x: a\r\n folded",
        b"x: a\r\n\tfolded",
        b"x: a\nb: c",
        b"x: a\rb",
        b"x: a\x00b",
        b"x: a\x01b",
        b"x: a\x7fb",
        b"x\x00: a",
        b"x\xff: a",
        b"x(: a",
        b"authorization: a\r\nAuthorization: b",
        b"expect: 100-continue\r\nexpect: 100-continue",
    ],
)
def test_refuses_headers_that_two_programs_could_read_differently(header: bytes) -> None:
    assert refusal(lines(header, first=b"POST / HTTP/1.1")) == 400


@pytest.mark.parametrize(
    "host", [b"", b"a b", b"a/b", b"a@b", b"a:b", b"a:80:80", b"[::1", b"a:999999", b"a\xff", b"a,b/"]
)
def test_refuses_a_malformed_host(host: bytes) -> None:
    assert refusal(b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % host) == 400


@pytest.mark.parametrize(
    "host", [b"a", b"a:80", b"a:", b"127.0.0.1:8000", b"[::1]:80", b"[2001:db8::1]", b"a_b.example", b"xn--a"]
)
def test_takes_every_host_with_an_optional_port(host: bytes) -> None:
    assert read(b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % host).head.headers[b"host"] == host


def test_host_is_needed_in_http_1_1_and_not_in_1_0() -> None:
    assert refusal(b"GET / HTTP/1.1\r\n\r\n") == 400
    assert read(b"GET / HTTP/1.0\r\n\r\n").is_http10


@pytest.mark.parametrize(
    ("headers", "version", "keeps"),
    [
        ((), b"1.1", True),
        ((b"connection: keep-alive",), b"1.1", True),
        ((b"connection: Close",), b"1.1", False),
        ((b"connection: te, close",), b"1.1", False),
        ((b"connection: close", b"connection: keep-alive"), b"1.1", False),
        ((), b"1.0", False),
        ((b"connection: Keep-Alive",), b"1.0", True),
        ((b"connection: keep-alive, close",), b"1.0", False),
    ],
)
def test_keeps_the_connection_as_the_client_says(headers: tuple[bytes, ...], version: bytes, keeps: bool) -> None:
    assert read(lines(*headers, first=b"GET / HTTP/" + version)).keeps_alive is keeps


def test_ignores_an_offer_to_upgrade_and_serves_the_request() -> None:
    request = read(lines(b"connection: Upgrade, HTTP2-Settings", b"upgrade: h2c", b"content-length: 3"))
    assert (request.body_bytes, request.keeps_alive) == (3, True)


def test_an_unknown_expectation_is_refused_with_417() -> None:
    assert refusal(lines(b"expect: 200-ok")) == 417


def test_a_chunked_body_has_no_length() -> None:
    assert read(lines(b"Transfer-Encoding: Chunked")).body_bytes == CHUNKED


def test_rubbish_is_refused_before_the_head_is_whole() -> None:
    for start in (b"\x16\x03\x01\x02", b"HELO x\r\n", b"GET / HTTP/1.1\r\nhost: a\r\nx : "):
        assert refusal(start) == 400


def test_one_empty_line_before_a_request_is_ignored() -> None:
    heads = reader()
    assert heads.read(b"\r\n") is None
    assert not heads.has_begun
    assert heads.read(get(b"/a")) is not None
    assert heads.read(b"\r") is None
    assert heads.read(b"\n" + get(b"/b")) is not None
    assert refusal(b"\r\n\r\n" + get()) == 400


@given(st.lists(st.integers(1, 40), max_size=40))
def test_a_head_may_come_in_any_pieces(sizes: list[int]) -> None:
    data = post(b"body", b"/x?y", b"accept: a", b"Connection: keep-alive")
    whole = read(data)
    heads = reader()
    found = None
    for size in (*sizes, len(data)):
        piece, data = data[:size], data[size:]
        found = heads.read(piece)
        if found is not None:
            data = found[1] + data
            break
    assert found is not None
    assert (found[0], data) == (whole, b"body")


NAMES = st.sampled_from(
    [b"host", b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"x", b"connection", b"transfer-encoding"]
)
VALUES = st.sampled_from(
    [b"test", b"0", b"5", b"17", b"0017", b"999", b"1001", b"99999999999999", b"1 ", b"+1", b"close", b"chunked", b""]
)
LINES = st.lists(st.tuples(NAMES, VALUES), max_size=4)


@given(LINES, LINES)
def test_a_reader_that_remembers_judges_as_one_that_does_not(
    first: list[tuple[bytes, bytes]], second: list[tuple[bytes, bytes]]
) -> None:
    def judge(heads: HeadReader, pairs: list[tuple[bytes, bytes]]) -> tuple[object, ...]:
        try:
            return heads.read(lines(*(b"%b: %b" % pair for pair in pairs), first=b"POST / HTTP/1.1") + b"rest") or ()
        except TurnoutError as error:
            return type(error), str(error)

    heads = reader()
    first_verdict = judge(heads, first)
    if isinstance(first_verdict[0], Request):
        assert judge(heads, second) == judge(reader(), second)


@given(st.binary(max_size=14), st.sampled_from([b"Content-Length: ", b"content-length: "]))
def test_only_a_number_can_stand_where_a_number_stood(number: bytes, name: bytes) -> None:
    def judge(heads: HeadReader, value: bytes) -> object:
        try:
            return heads.read(lines(name + value, b"x: y", first=b"POST / HTTP/1.1"))
        except TurnoutError as error:
            return type(error), str(error)

    heads = reader()
    judge(heads, b"17")
    assert judge(heads, number) == judge(reader(), number)


def test_a_remembered_head_still_knows_the_body_limit() -> None:
    heads = reader()
    heads.read(post(b"x" * 10))
    with pytest.raises(BodyTooLarge):
        heads.read(post(b"x" * 1001))
