"""Requests that a careful server refuses: smuggling, broken framing, abuse of size and time."""

from dataclasses import dataclass
from typing import Final

BODY_BYTES: Final = 1000
"""The body limit that the table expects."""
HEADER_BYTES: Final = 32 * 1024
"""The header limit that the table expects."""


@dataclass(frozen=True, slots=True)
class HostileRequest:
    """
    One attack, or one odd but honest request.

    Attributes:
        name: what it tries, unique.
        data: what is sent, at once, on a connection of its own.
        expected: the status that Turnout answers with; it closes after it, unless that is 200.
    """

    name: str
    data: bytes
    expected: int


def _head(*lines: bytes, first: bytes = b"POST / HTTP/1.1", host: bytes = b"host: test") -> bytes:
    return b"\r\n".join((first, *((host,) if host else ()), *lines, b"", b""))


_HIDDEN: Final = b"GET /hidden HTTP/1.1\r\nhost: test\r\n\r\n"
_CHUNKED: Final = _head(b"transfer-encoding: chunked")
_GET: Final = b"GET / HTTP/1.1"

SMUGGLING: Final = (
    HostileRequest("content-length and chunked", _head(b"content-length: 4", b"transfer-encoding: chunked") + b"0\r\n\r\n" + _HIDDEN, 400),
    HostileRequest("chunked and content-length", _head(b"transfer-encoding: chunked", b"content-length: 4") + b"0\r\n\r\n" + _HIDDEN, 400),
    HostileRequest("two differing content-lengths", _head(b"content-length: 0", b"content-length: 38") + _HIDDEN, 400),
    HostileRequest("two equal content-lengths", _head(b"content-length: 1", b"content-length: 1") + b"x", 400),
    HostileRequest("content-length list", _head(b"content-length: 0, 38") + _HIDDEN, 400),
    HostileRequest("content-length with a plus", _head(b"content-length: +1") + b"x", 400),
    HostileRequest("content-length negative", _head(b"content-length: -1") + b"x", 400),
    HostileRequest("content-length hexadecimal", _head(b"content-length: 0x1") + b"x", 400),
    HostileRequest("content-length empty", _head(b"content-length:"), 400),
    HostileRequest("content-length of 20 digits", _head(b"content-length: 99999999999999999999") + b"x", 400),
    HostileRequest("content-length of 5,000 zeros", _head(b"content-length: " + b"0" * 5000), 400),
    HostileRequest("blank before the colon", _head(b"content-length : 38") + _HIDDEN, 400),
    HostileRequest("te: xchunked", _head(b"transfer-encoding: xchunked") + b"0\r\n\r\n" + _HIDDEN, 400),
    HostileRequest("te: gzip, chunked", _head(b"transfer-encoding: gzip, chunked") + b"0\r\n\r\n", 400),
    HostileRequest("te: chunked, identity", _head(b"transfer-encoding: chunked, identity") + b"0\r\n\r\n", 400),
    HostileRequest("te twice", _head(b"transfer-encoding: chunked", b"transfer-encoding: identity") + b"0\r\n\r\n", 400),
    HostileRequest("te with a vertical tab", _head(b"transfer-encoding:\x0bchunked") + b"0\r\n\r\n", 400),
    HostileRequest("te in HTTP/1.0", _head(b"transfer-encoding: chunked", first=b"POST / HTTP/1.0") + b"0\r\n\r\n", 400),
    HostileRequest("folded header", _head(b"x: a\r\n b"), 400),
    HostileRequest("folded te", _head(b"transfer-encoding:\r\n chunked") + b"0\r\n\r\n", 400),
    HostileRequest("header before a folded start", b"GET / HTTP/1.1\r\n host: test\r\n\r\n", 400),
    HostileRequest("bare LF everywhere", b"GET / HTTP/1.1\nhost: test\n\n", 400),
    HostileRequest("bare LF after a header", _head(b"x: a\ny: b", first=_GET), 400),
    HostileRequest("bare CR in a header", _head(b"x: a\ry: b", first=_GET), 400),
    HostileRequest("NUL in a header value", _head(b"x: a\x00b", first=_GET), 400),
    HostileRequest("NUL in a header name", _head(b"x\x00: a", first=_GET), 400),
    HostileRequest("control character in a header", _head(b"x: \x01", first=_GET), 400),
    HostileRequest("header without a colon", _head(b"transfer-encoding chunked", first=_GET), 400),
    HostileRequest("header without a name", _head(b": a", first=_GET), 400),
    HostileRequest("name with a bracket", _head(b"x(y): a", first=_GET), 400),
)  # fmt: skip

CHUNKS: Final = (
    HostileRequest("chunk size with 0x", _CHUNKED + b"0x1\r\na\r\n0\r\n\r\n", 400),
    HostileRequest("chunk size negative", _CHUNKED + b"-1\r\na\r\n0\r\n\r\n", 400),
    HostileRequest("chunk size with a blank", _CHUNKED + b" 1\r\na\r\n0\r\n\r\n", 400),
    HostileRequest("chunk size of 17 digits", _CHUNKED + b"00000000000000001\r\na\r\n0\r\n\r\n", 400),
    HostileRequest("chunk size that overflows", _CHUNKED + b"FFFFFFFFFFFFFFFFF\r\na\r\n0\r\n\r\n", 400),
    HostileRequest("chunk size ended by LF", _CHUNKED + b"1\na\r\n0\r\n\r\n", 400),
    HostileRequest("chunk ended by LF", _CHUNKED + b"1\r\na\n0\r\n\r\n", 400),
    HostileRequest("chunk longer than its size", _CHUNKED + b"1\r\nabc\r\n0\r\n\r\n", 400),
    HostileRequest("CR LF hidden in an extension", _CHUNKED + b"1;\rx\r\na\r\n0\r\n\r\n", 400),
    HostileRequest("64 kB chunk extension", _CHUNKED + b"1;" + b"x" * 65_536 + b"\r\na\r\n0\r\n\r\n", 400),
    HostileRequest("many small extensions", _CHUNKED + (b"1;" + b"x" * 500 + b"\r\na\r\n") * 50 + b"0\r\n\r\n", 400),
    HostileRequest("malformed trailer", _CHUNKED + b"0\r\nno colon\r\n\r\n", 400),
    HostileRequest("64 kB of trailers", _CHUNKED + b"0\r\n" + b"a: b\r\n" * 11_000 + b"\r\n", 400),
    HostileRequest("chunks over the body limit", _CHUNKED + b"100\r\n%b\r\n" % (b"x" * 256) * 5 + b"0\r\n\r\n", 413),
)  # fmt: skip

REQUEST_LINES: Final = (
    HostileRequest("no Host", _head(first=_GET, host=b""), 400),
    HostileRequest("two Hosts", _head(b"host: other", first=_GET), 400),
    HostileRequest("empty Host", _head(first=_GET, host=b"host:"), 400),
    HostileRequest("Host with a path", _head(first=_GET, host=b"host: a/b"), 400),
    HostileRequest("Host with a blank", _head(first=_GET, host=b"host: a b"), 400),
    HostileRequest("absolute URL of another host", _head(first=b"GET http://other/ HTTP/1.1"), 400),
    HostileRequest("HTTP/0.9", b"GET /\r\n\r\n", 400),
    HostileRequest("HTTP/1.2", _head(first=b"GET / HTTP/1.2"), 400),
    HostileRequest("HTTP/2.0", _head(first=b"GET / HTTP/2.0"), 505),
    HostileRequest("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", 505),
    HostileRequest("TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100, 400),
    HostileRequest("lower-case method", _head(first=b"get / HTTP/1.1"), 400),
    HostileRequest("unknown method", _head(first=b"HACK / HTTP/1.1"), 400),
    HostileRequest("CONNECT", _head(first=b"CONNECT test:443 HTTP/1.1"), 501),
    HostileRequest("TRACE", _head(first=b"TRACE / HTTP/1.1"), 501),
    HostileRequest("two blanks", _head(first=b"GET  / HTTP/1.1"), 400),
    HostileRequest("tab for a blank", _head(first=b"GET\t/\tHTTP/1.1"), 400),
    HostileRequest("control character in the target", _head(first=b"GET /\x01 HTTP/1.1"), 400),
    HostileRequest("raw UTF-8 in the target", _head(first=b"GET /\xc3\xa4 HTTP/1.1"), 400),
    HostileRequest("fragment in the target", _head(first=b"GET /#x HTTP/1.1"), 400),
    HostileRequest("target without a slash", _head(first=b"GET hidden HTTP/1.1"), 400),
    HostileRequest("RTSP", _head(first=b"DESCRIBE / RTSP/1.0"), 505),
)  # fmt: skip

SIZES_AND_TIMES: Final = (
    HostileRequest("1 MiB target", _head(first=b"GET /" + b"a" * 1_048_576 + b" HTTP/1.1"), 431),
    HostileRequest("1 MiB header", _head(b"x: " + b"a" * 1_048_576, first=_GET), 431),
    HostileRequest("20,000 headers", _head(*(b"x%d: a" % number for number in range(20_000)), first=_GET), 431),
    HostileRequest("announced body over the limit", _head(b"content-length: 10000") + b"x" * 10_000, 413),
    HostileRequest("unknown expectation", _head(b"expect: a miracle", b"content-length: 1") + b"x", 417),
    HostileRequest("says nothing", b"", 408),
    HostileRequest("head that never ends", b"GET / HTTP/1.1\r\nhost: te", 408),
    HostileRequest("body that never comes", _head(b"content-length: 10") + b"x", 408),
    HostileRequest("chunk that never comes", _CHUNKED + b"5\r\nx", 408),
)

HONEST: Final = (
    HostileRequest("plain", _head(first=_GET), 200),
    HostileRequest("upper-case names, tabs around a value", b"GET / HTTP/1.1\r\nHOST:\ttest\t\r\n\r\n", 200),
    HostileRequest("absolute URL of this host", _head(first=b"GET http://test/ HTTP/1.1"), 200),
    HostileRequest("empty line before", b"\r\n" + _head(first=_GET), 200),
    HostileRequest("offer to upgrade to h2c", _head(b"connection: upgrade", b"upgrade: h2c", first=_GET), 200),
    HostileRequest("chunked with extension and trailer", _CHUNKED + b"1;a=b\r\nx\r\n0\r\nx-sum: 1\r\n\r\n", 200),
    HostileRequest("IPv6 Host", _head(first=_GET, host=b"host: [::1]:80"), 200),
)

ALL: Final = (*SMUGGLING, *CHUNKS, *REQUEST_LINES, *SIZES_AND_TIMES, *HONEST)
