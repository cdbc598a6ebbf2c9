"""The head of an upstream request as bytes, refused where a part of it could smuggle a line."""

import re

from turnout.models.exchange import Headers
from turnout.models.target import Endpoint
from turnout.models.upstream import UpstreamRequest

_KEPT_PREFIXES = 512
_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE_BYTES = bytes([9, *range(32, 127), *range(128, 256)])
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE"})
_TARGET = re.compile(r"/[\x21-\x7e]*")
_HOST = re.compile(r"[0-9A-Za-z._:%-]+")

_OURS = frozenset(
    {
        *(b"host", b"content-length", b"content-type", b"accept-encoding"),
        *(b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
        *(b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect"),
    }
)
"""Names that only this client sets: what frames a message or belongs to one hop (RFC 9110 7.6.1), and the body's type, which is JSON."""


class RequestHeads:
    """
    Owns the request heads already built, one per endpoint, method and route; starts again when it holds 512.

    Endpoints are told apart by identity, as their header needn't be hashable.
    """

    __slots__ = ("_prefixes",)

    def __init__(self) -> None:
        self._prefixes: dict[tuple[int, str, str], tuple[Endpoint, bytes]] = {}

    def __repr__(self) -> str:
        return f"RequestHeads({len(self._prefixes)} of {_KEPT_PREFIXES})"

    def encode(self, endpoint: Endpoint, request: UpstreamRequest) -> bytes:
        """
        The whole head, up to and with the empty line.

        Raises:
            ValueError: a header, the route or the method can't stand in a request head.
        """
        key = (id(endpoint), request.method, request.path)
        kept = self._prefixes.get(key)
        if kept is None:
            if len(self._prefixes) >= _KEPT_PREFIXES:
                self._prefixes.clear()
            # The endpoint is kept with its prefix, so that its id can't be given to another one.
            kept = self._prefixes[key] = (endpoint, _encode_prefix(endpoint, request))
        extra = encode_lines(request.headers) if request.headers else b""
        if not request.body and request.method == "GET":
            return b"%s%s\r\n" % (kept[1], extra)
        return b"%scontent-type: application/json\r\ncontent-length: %d\r\n%s\r\n" % (kept[1], len(request.body), extra)


def _encode_prefix(endpoint: Endpoint, request: UpstreamRequest) -> bytes:
    if request.method not in _METHODS:
        raise ValueError(f"method {request.method!r} isn't one of {', '.join(sorted(_METHODS))}")
    route = endpoint.base_path + request.path
    if not _TARGET.fullmatch(route):
        raise ValueError(f"path {route!r} must start with a slash and hold visible ASCII characters only")
    lines = encode_lines(endpoint.headers)
    return b"%s %s HTTP/1.1\r\nhost: %s\r\nuser-agent: turnout\r\naccept-encoding: identity\r\n%s" % (
        request.method.encode(),
        route.encode(),
        authority(endpoint).encode(),
        lines,
    )


def authority(endpoint: Endpoint) -> str:
    """Host and port as they stand in a URL: IPv6 in brackets, the scheme's own port left out."""
    if not _HOST.fullmatch(endpoint.host):
        raise ValueError(f"host {endpoint.host!r} is neither a name nor an address")
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    own_port = 443 if endpoint.tls else 80
    return host if endpoint.port == own_port else f"{host}:{endpoint.port}"


def sendable(headers: Headers) -> list[tuple[bytes, bytes]]:
    """
    The lines that may go upstream, names in lower case: all but those that only the client itself sets.

    Raises:
        ValueError: a name isn't a token, or a value holds a control character. The value isn't shown: it may be a key.
    """
    lines: list[tuple[bytes, bytes]] = []
    for given, value in headers:
        name = given.lower()
        if not name or name.translate(None, _TOKEN_BYTES):  # what's left when all allowed bytes are deleted
            raise ValueError(f"header name {name!r} isn't a token")
        if value.translate(None, _VALUE_BYTES):
            raise ValueError(f"the value of header {name!r} holds a control character")
        if name not in _OURS:
            lines.append((name, value))
    return lines


def encode_lines(headers: Headers) -> bytes:
    """Header lines as bytes, each with its line end; raises ValueError as `sendable` does."""
    return b"".join([b"%s: %s\r\n" % line for line in sendable(headers)])
