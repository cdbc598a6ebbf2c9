"""Collects request bodies from pieces: of a known length, or chunked (RFC 9112, strictly)."""

import re

from turnout.models.errors import BadRequest, BodyTooLarge

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,8})(?:[ \t]*;[\t\x20-\x7e]*)?")
_TRAILER_LINE = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*")
_LINE_BYTES = 1024
_EXTRA_BYTES = 4096
"""Of all extensions, and again of all trailers: nobody sends them but to hide something or to cost time."""
_FRAMING_BYTES = 64 * 1024
"""What sizes and line ends may take beyond the body itself: chunks of a byte or two would cost more time than they bring bytes."""


class SizedBody:
    """A body of `length` bytes."""

    __slots__ = ("_content", "_missing")

    def __init__(self, length: int) -> None:
        self._missing = length
        self._content = bytearray()

    def feed(self, data: bytes) -> bytes | None:
        """Take `data`. None: more is needed. Else the body is whole, and this is what came after it."""
        missing = self._missing
        if len(data) < missing:
            self._missing = missing - len(data)
            self._content += data
            return None
        self._missing = 0
        self._content += data[:missing]
        return data[missing:]

    def content(self) -> bytes:
        """The whole body."""
        return bytes(self._content)


class ChunkedBody:
    """A chunked body of at most `limit` bytes; extensions are skipped and trailers dropped, in small amounts only."""

    __slots__ = ("_content", "_extra", "_framing", "_limit", "_line", "_missing", "_take_line")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._content = bytearray()
        self._missing = 0
        self._line = b""
        self._extra = 0
        self._framing = 0
        self._take_line = self._take_size

    def feed(self, data: bytes) -> bytes | None:
        """
        Take `data`. None: more is needed. Else the body is whole, and this is what came after it.

        Raises:
            BadRequest: the chunked framing is broken or abused.
            BodyTooLarge: over the limit.
        """
        at = 0
        while at < len(data):
            if self._missing:
                piece = data[at : at + self._missing]
                self._content += piece
                self._missing -= len(piece)
                at += len(piece)
                continue
            end = data.find(b"\n", at, at + _LINE_BYTES) + 1 or min(len(data), at + _LINE_BYTES)
            self._line += data[at:end]
            at = end
            if len(self._line) > _LINE_BYTES:
                raise BadRequest("a line of the chunked body is too long")
            if self._line.endswith(b"\n") and self._take_line(self._next_line()):
                return data[at:]
        return None

    def content(self) -> bytes:
        """The whole body."""
        return bytes(self._content)

    def _next_line(self) -> bytes:
        line, self._line = self._line, b""
        if not line.endswith(b"\r\n"):
            raise BadRequest("a line of the chunked body doesn't end in CR LF")
        self._framing += len(line)
        if self._framing > _FRAMING_BYTES + len(self._content):
            raise BadRequest("the chunks of the body are too small")
        return line[:-2]

    def _take_size(self, line: bytes) -> bool:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise BadRequest("a chunk size isn't 1 to 8 hexadecimal digits")
        self._count_extra(len(line) - len(match[1]))
        self._missing = int(match[1], 16)
        if len(self._content) + self._missing > self._limit:
            raise BodyTooLarge(f"the body may have at most {self._limit} bytes")
        self._take_line = self._take_chunk_end
        if not self._missing:
            self._extra = 0
            self._take_line = self._take_trailer
        return False

    def _take_chunk_end(self, line: bytes) -> bool:
        if line:
            raise BadRequest("a chunk is longer than its size says")
        self._take_line = self._take_size
        return False

    def _take_trailer(self, line: bytes) -> bool:
        """Whether the body ends here."""
        if line and not _TRAILER_LINE.fullmatch(line):
            raise BadRequest("a trailer of the chunked body is malformed")
        self._count_extra(len(line))
        return not line

    def _count_extra(self, size: int) -> None:
        self._extra += size
        if self._extra > _EXTRA_BYTES:
            raise BadRequest("the chunked body has too many extensions or trailers")
