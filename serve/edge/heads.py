"""Reads request heads: llhttp parses, and what it lets through and this edge doesn't is refused here."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httptools

from turnout.models.errors import BadRequest, BodyTooLarge, HeaderTooLarge
from turnout.models.exchange import RequestHead
from turnout.serve.edge.refusals import ExpectationFailed, MethodNotImplemented, VersionNotSupported

CHUNKED: Final = -1
"""`Request.body_bytes` of a body whose length isn't known."""

_END: Final = b"\r\n\r\n"
_ONCE: Final = frozenset(
    (b"host", b"content-length", b"transfer-encoding", b"authorization", b"expect", b"x-turnout-secret")
)
"""Headers that a request may have only once: two of them could be read differently by two programs."""
_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))
_HOST: Final = re.compile(rb"(?:[A-Za-z0-9._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{0,5})?")
_TARGET: Final = re.compile(rb"[\x21\x22\x24-\x7e]+")  # visible ASCII without "#": a fragment is never sent
_ABSOLUTE: Final = re.compile(rb"https?://([^/?]+)(.*)", re.IGNORECASE)
_LENGTH_NAMES: Final = (b"\r\nContent-Length: ", b"\r\ncontent-length: ")
_MAYBE_EMPTY_LINE: Final = (b"", b"\r")
_LENGTH_DIGITS: Final = 12
_MODEL_BYTES: Final = 4096


@dataclass(frozen=True, slots=True)
class Request:
    """
    A head with what it says about its body and its connection.

    Attributes:
        head: what handlers see.
        body_bytes: 0 or more, or `CHUNKED`.
        keeps_alive: whether the client may send another request on this connection.
        is_http10: HTTP/1.0.
        awaits_continue: whether the client waits for `100 Continue` before it sends the body.
    """

    head: RequestHead
    body_bytes: int
    keeps_alive: bool
    is_http10: bool
    awaits_continue: bool


class HeadReader:
    """
    Reads the heads of one connection, one at a time.

    Where a head ends is found here, and a parser gets one head and nothing else: so sizes are exact, and no state outlives a request.

    Clients send the same head again and again, but for its content-length. So the last head is remembered as the bytes before and after that number;
    the next one that has exactly these bytes, and any number between them, isn't parsed again.
    """

    __slots__ = (
        "_body_limit",
        "_has_head",
        "_has_skipped",
        "_headers",
        "_limit",
        "_model",
        "_parser",
        "_partial",
        "_peer",
        "_repeated",
    )

    def __init__(self, limit: int, body_limit: int, peer: str) -> None:
        """
        Args:
            limit: largest head, in bytes.
            body_limit: largest body, in bytes.
            peer: the client's address.
        """
        self._limit = limit
        self._body_limit = body_limit
        self._peer = peer
        self._partial = b""
        self._parser: httptools.HttpRequestParser | None = None
        self._headers: dict[bytes, bytes] = {}
        self._repeated = False
        self._has_head = False
        self._has_skipped = False
        self._model: tuple[bytes, bytes, Request] | None = None

    @property
    def has_begun(self) -> bool:
        """Whether a part of a head has come."""
        return bool(self._partial)

    def read(self, data: bytes) -> tuple[Request, bytes] | None:
        """
        Take the next bytes.

        Returns:
            None if the head isn't whole yet; else the request, and what came after its head.

        Raises:
            HeaderTooLarge: over the limit, whole or not.
            BodyTooLarge: the announced length is over the limit.
            BadRequest: anything else that can't be served; no more may be read.
        """
        seen = len(self._partial)
        if seen:
            data = self._partial + data
        if seen < 2 and data.startswith(b"\r\n") and not self._has_skipped:
            data = data[2:]  # RFC 9112 2.2: an empty line before a request is ignored
            seen = 0
            self._has_skipped = True
        end = data.find(_END, max(0, seen - 3)) + 4
        is_whole = end > 3
        if (end if is_whole else len(data)) > self._limit:
            raise HeaderTooLarge(f"the header may have at most {self._limit} bytes")
        if not is_whole:
            self._partial = data
            if data not in _MAYBE_EMPTY_LINE:
                self._parse(data[seen:])
            return None
        request = None if seen else self._recall(data, end)
        if request is None:
            block = data[:end]
            self._parse(block[seen:])
            request = self._judge(block)
            self._remember(block, request)
        self._partial = b""
        self._parser = None
        self._has_skipped = False
        return request, data[end:]

    def stop(self) -> None:
        """No more will be read: let go of the parser, which refers back here."""
        self._parser = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by llhttp for each header line; it has checked both, and taken blanks off the value's front only."""
        name = name.lower()
        headers = self._headers
        if name in headers:
            if name in _ONCE:
                self._repeated = True
            elif name == b"connection":
                value = headers[name] + b"," + value
        headers[name] = value.rstrip()

    def on_headers_complete(self) -> None:
        """Called by llhttp at the end of a head."""
        self._has_head = True

    def _parse(self, data: bytes) -> None:
        """Let llhttp judge the next bytes of a head. A head that isn't whole is judged too: rubbish is refused before its time is up."""
        if self._parser is None:
            self._headers = {}
            self._has_head = False
            self._parser = httptools.HttpRequestParser(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # RFC 9110 7.8: an offer to change protocols may be ignored; CONNECT is refused by its method
        except httptools.HttpParserError as error:
            if data.startswith(b"PRI * HTTP/2"):
                raise VersionNotSupported("HTTP/2 isn't spoken here, use HTTP/1.1") from error
            raise BadRequest("this isn't a well-formed HTTP/1.1 request") from error

    def _judge(self, block: bytes) -> Request:
        method, target, version = _split_request_line(block)
        headers = self._headers
        if self._repeated or not self._has_head:
            raise BadRequest("a header came twice that may come once")
        is_http10 = version == b"HTTP/1.0"
        _check_host(headers.get(b"host"), is_http10)
        body_bytes = _body_bytes(headers, is_http10)
        if body_bytes > self._body_limit:
            raise BodyTooLarge(f"the body may have at most {self._body_limit} bytes")
        path, _, query = _relative(method, target, headers).partition(b"?")
        return Request(
            RequestHead(method, path, query, headers, self._peer),
            body_bytes,
            _keeps_alive(headers.get(b"connection"), is_http10),
            is_http10,
            _awaits_continue(headers, is_http10),
        )

    def _remember(self, block: bytes, request: Request) -> None:
        self._model = None
        if len(block) > _MODEL_BYTES:
            return
        length = request.head.headers.get(b"content-length")
        if length is None:
            self._model = (block, b"", request)
            return
        for name in _LENGTH_NAMES:
            at = block.find(name) + len(name)
            if at >= len(name) and block.startswith(length + b"\r\n", at):
                self._model = (block[:at], block[at + len(length) :], request)

    def _recall(self, data: bytes, end: int) -> Request | None:
        if self._model is None:
            return None
        before, after, request = self._model
        at = end - len(after)
        if at < len(before) or not data.startswith(before) or not data.startswith(after, at):
            return None
        length = data[len(before) : at]
        head = request.head
        if length == head.headers.get(b"content-length", b""):
            return request
        if len(length) > _LENGTH_DIGITS or not length.isdigit():
            return None
        if int(length) > self._body_limit:
            raise BodyTooLarge(f"the body may have at most {self._body_limit} bytes")
        headers = {**head.headers, b"content-length": length}
        return Request(
            RequestHead(head.method, head.path, head.query, headers, head.peer),
            int(length),
            request.keeps_alive,
            request.is_http10,
            request.awaits_continue,
        )


def _split_request_line(block: bytes) -> tuple[bytes, bytes, bytes]:
    words = block[: block.find(b"\r\n")].split(b" ")
    if len(words) != 3:  # llhttp takes HTTP/0.9, and more than one blank
        raise BadRequest("the request line isn't METHOD TARGET HTTP/1.1 with single blanks")
    method, target, version = words
    if version not in (b"HTTP/1.1", b"HTTP/1.0"):
        raise VersionNotSupported("only HTTP/1.1 and HTTP/1.0 are spoken here")
    if method not in _METHODS:
        raise MethodNotImplemented("this method isn't known here") if method.isalpha() else BadRequest("no method")
    return method, target, version


def _check_host(host: bytes | None, is_http10: bool) -> None:
    if host is None and not is_http10:
        raise BadRequest("HTTP/1.1 needs a Host header")
    if host is not None and not _HOST.fullmatch(host):
        raise BadRequest("the Host header isn't a host with an optional port")


def _body_bytes(headers: Mapping[bytes, bytes], is_http10: bool) -> int:
    length = headers.get(b"content-length")
    if length is not None and len(length) > _LENGTH_DIGITS:
        raise BadRequest("content-length has too many digits")
    if b"transfer-encoding" not in headers:
        return 0 if length is None else int(length)
    # llhttp takes codings before "chunked", and "chunked" from HTTP/1.0 clients.
    if is_http10 or length is not None or headers[b"transfer-encoding"].lower() != b"chunked":
        raise BadRequest("transfer-encoding can only be chunked, in HTTP/1.1, without content-length")
    return CHUNKED


def _keeps_alive(connection: bytes | None, is_http10: bool) -> bool:
    if connection is None:
        return not is_http10
    options = [option.strip() for option in connection.lower().split(b",")]
    return b"close" not in options and (not is_http10 or b"keep-alive" in options)


def _awaits_continue(headers: Mapping[bytes, bytes], is_http10: bool) -> bool:
    expectation = headers.get(b"expect")
    if expectation is not None and expectation.lower() != b"100-continue":
        raise ExpectationFailed("the only expectation met here is 100-continue")
    return expectation is not None and not is_http10


def _relative(method: bytes, target: bytes, headers: Mapping[bytes, bytes]) -> bytes:
    """The target as `/path?query`, or `*` of OPTIONS. An absolute URL is taken if it names the very Host of the headers."""
    if not _TARGET.fullmatch(target):
        raise BadRequest("the request target has characters that must be percent-encoded")
    if target.startswith(b"/") or (target == b"*" and method == b"OPTIONS"):
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None or absolute[1].lower() != headers.get(b"host", absolute[1]).lower():
        raise BadRequest("the request target isn't a path, and no URL of the Host asked for")
    rest = absolute[2]
    return rest if rest.startswith(b"/") else b"/" + rest
