"""Judges a request head after llhttp: what it lets through and this edge doesn't."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from turnout.models.errors import BadRequest, BodyTooLarge
from turnout.models.exchange import RequestHead
from turnout.serve.edge.refusals import ExpectationFailed, MethodNotImplemented, VersionNotSupported

CHUNKED = -1
"""`Framing.body_bytes` of a body whose length isn't known."""

ONCE = frozenset(
    (
        b"host",
        b"content-length",
        b"transfer-encoding",
        b"content-type",
        b"authorization",
        b"expect",
        b"x-turnout-secret",
    )
)
"""Headers that a request may have only once: two of them could be read differently by two programs."""

_METHODS = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
_HOST = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_TARGET = re.compile(rb"[\x21-\x22\x24-\x7e]+")  # visible ASCII without "#": a fragment is never sent
_ABSOLUTE = re.compile(rb"https?://([^/?]+)(.*)", re.IGNORECASE)


class Framing(NamedTuple):
    """How a request's body ends, and what its connection does afterwards."""

    body_bytes: int
    keeps_alive: bool
    is_http10: bool
    awaits_continue: bool


def read_request_line(block: bytes) -> tuple[bytes, bytes, bytes]:
    """
    Split the first line of a head into method, target and version.

    Raises:
        BadRequest: it isn't three words with one blank between them (so HTTP/0.9, which llhttp takes).
        VersionNotSupported: not HTTP/1.0 or 1.1.
        MethodNotImplemented: none of ours.
    """
    words = block[: block.find(b"\r\n")].split(b" ")
    if len(words) != 3:
        raise BadRequest("the request line isn't METHOD TARGET HTTP/1.1 with single blanks")
    method, target, version = words
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise VersionNotSupported("only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method not in _METHODS:
        raise MethodNotImplemented("this method isn't known here")
    return method, target, version


def make_head(method: bytes, target: bytes, headers: Mapping[bytes, bytes], peer: str) -> RequestHead:
    """
    Make the head that handlers see.

    Raises:
        BadRequest: the target isn't `/path`, `*` of OPTIONS, or an absolute URL of the very Host named in the headers.
    """
    if not _TARGET.fullmatch(target):
        raise BadRequest("the request target has characters that must be percent-encoded")
    if target[0] != 0x2F and not (target == b"*" and method == b"OPTIONS"):
        target = _relative(target, headers)
    path, _, query = target.partition(b"?")
    return RequestHead(method, path, query, headers, peer)


def judge_framing(version: bytes, headers: Mapping[bytes, bytes], body_limit: int) -> Framing:
    """
    Decide how the body is framed and whether the connection may be kept.

    Args:
        version: `HTTP/1.1` or `HTTP/1.0`.
        headers: lower-case names, each of `ONCE` at most once.
        body_limit: largest body, in bytes.

    Raises:
        BadRequest: a coding other than plain `chunked`, both framings, `chunked` from an HTTP/1.0 client.
        BodyTooLarge: the announced length is over the limit.
        ExpectationFailed: an expectation that can't be met.
    """
    is_http10 = version == b"HTTP/1.0"
    length = headers.get(b"content-length")
    body_bytes = 0
    if b"transfer-encoding" in headers:
        if is_http10 or length is not None or headers[b"transfer-encoding"].lower() != b"chunked":
            raise BadRequest("transfer-encoding can only be chunked, in HTTP/1.1, without content-length")
        body_bytes = CHUNKED
    elif length is not None:
        body_bytes = int(length)
        if body_bytes > body_limit:
            raise BodyTooLarge(f"the body may have at most {body_limit} bytes")
    return Framing(
        body_bytes, _keeps_alive(headers.get(b"connection"), is_http10), is_http10, _expects(headers, is_http10)
    )


def check_host(host: bytes | None, version: bytes) -> None:
    """
    Refuse a missing or malformed Host.

    Raises:
        BadRequest: HTTP/1.1 without Host, or a value that is no host with an optional port.
    """
    if host is None:
        if version == b"HTTP/1.1":
            raise BadRequest("HTTP/1.1 needs a Host header")
    elif not _HOST.fullmatch(host):
        raise BadRequest("the Host header isn't a host with an optional port")


def _keeps_alive(connection: bytes | None, is_http10: bool) -> bool:
    if connection is None:
        return not is_http10
    options = [option.strip() for option in connection.lower().split(b",")]
    return b"close" not in options and (not is_http10 or b"keep-alive" in options)


def _expects(headers: Mapping[bytes, bytes], is_http10: bool) -> bool:
    expectation = headers.get(b"expect")
    if expectation is None:
        return False
    if expectation.lower() != b"100-continue":
        raise ExpectationFailed("the only expectation met here is 100-continue")
    return not is_http10


def _relative(target: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or absolute[1].lower() != headers.get(b"host", absolute[1]).lower():
        raise BadRequest("the request target isn't a path, and no URL of the Host asked for")
    rest = absolute[2]
    return rest if rest.startswith(b"/") else b"/" + rest
