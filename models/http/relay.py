"""One answer on its way from the parser into an Out."""

from asyncio import Future
from collections.abc import Callable

from httptools import HttpResponseParser

from turnout.models.exchange import JSON_HEADERS, Headers, Out
from turnout.models.upstream import Failure, Limits, Outcome, UpstreamRequest

HEAD_BYTES = 128 * 1024
"""Most bytes without a byte of body: the head, trailers, chunk extensions, interim answers."""

ERROR_BYTES = 256 * 1024
"""Most bytes kept of the body of an answer that isn't 2xx."""


def passed_on(headers: Headers, request: UpstreamRequest) -> Headers:
    """The lines that go into the Out: content-type if there's one, and what the request passes."""
    passes = request.passes
    if passes is not None:
        return tuple((name, value) for name, value in headers if name == b"content-type" or passes(name))
    for name, value in headers:
        if name == b"content-type":
            return JSON_HEADERS if value == b"application/json" else ((name, value),)
    return ()


class Relay:
    """
    Owns the state of one answer: what the parser has found of it, what has gone into the Out, and when.

    The methods `on_…` are the parser's; they only take notes. `push` and `finish` act on them, once per read, so that pieces that arrived together
    leave together. A stream's `start` goes with its first byte: until then nothing is committed and the request may go elsewhere.
    """

    __slots__ = (
        "_bytes_since_body",
        "_clock",
        "_has_moved",
        "_held_bytes",
        "_is_streaming",
        "_limits",
        "_most_bytes",
        "_moved_at",
        "_out",
        "_parser",
        "_pieces",
        "_request",
        "_sent_at",
        "_wants_stream",
        "can_reuse",
        "done",
        "first_byte_at",
        "has_bytes",
        "headers",
        "is_committed",
        "is_paused",
        "is_whole",
        "reads_to_close",
        "refusal",
        "status",
    )

    def __init__(
        self, out: Out, request: UpstreamRequest, limits: Limits, clock: Callable[[], float], done: "Future[Outcome]"
    ) -> None:
        self._out = out
        self._request = request
        self._wants_stream = request.is_stream
        self._limits = limits
        self._clock = clock
        self._sent_at = self._moved_at = clock()
        self._has_moved = False
        self._parser = HttpResponseParser(self)
        self._pieces: list[bytes] = []
        self._held_bytes = self._bytes_since_body = 0
        self._most_bytes = limits.answer_bytes
        self._is_streaming = False
        self.done = done
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.first_byte_at: float | None = None
        self.has_bytes = self.is_whole = self.can_reuse = self.is_committed = self.is_paused = False
        self.reads_to_close = False
        self.refusal: tuple[Failure, str] | None = None

    def feed(self, data: bytes) -> None:
        """
        Parse what was read.

        Raises:
            HttpParserError: it isn't HTTP. Where the answer was whole before, only the connection is spoilt.
        """
        self.has_bytes = self._has_moved = True
        self._bytes_since_body += len(data)
        self._parser.feed_data(data)
        if self._bytes_since_body > HEAD_BYTES and not self.is_whole:
            self.refusal = (Failure.PROTOCOL, f"more than {HEAD_BYTES} bytes of header")
        elif self._held_bytes > self._most_bytes and not self._is_streaming:
            self.refusal = (Failure.TOO_LARGE, f"answer of status {self.status} is over {self._most_bytes} bytes")

    def on_message_begin(self) -> None:
        """A second answer to one request: the connection can't be trusted any more."""
        if self.is_whole:
            self.can_reuse = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note a line of the head; trailers are dropped."""
        if not self.status and not self.is_whole:
            self.headers.append((name.lower(), value.strip()))

    def on_headers_complete(self) -> None:
        """Decide by the head what becomes of the body."""
        if self.is_whole:
            return
        self.status = status = self._parser.get_status_code()
        if status < 200:
            return
        found = dict(self.headers)
        self._is_streaming = self._wants_stream and status < 300
        if status >= 300:
            self._most_bytes = min(self._most_bytes, ERROR_BYTES)
        length, coding = found.get(b"content-length"), found.get(b"transfer-encoding")
        if length is not None:
            if int(length) > self._most_bytes and not self._is_streaming:
                self.refusal = (Failure.TOO_LARGE, f"answer of status {status} is over {self._most_bytes} bytes")
        elif coding is None:
            self.reads_to_close = True
        elif any(name == b"transfer-encoding" and value.lower() != b"chunked" for name, value in self.headers):
            self.refusal = (Failure.PROTOCOL, f"transfer-encoding {coding!r} isn't understood")
        if b"content-encoding" in found and found[b"content-encoding"].lower() != b"identity" and status < 300:
            self.refusal = (Failure.PROTOCOL, f"content-encoding {found[b'content-encoding']!r}, not identity as asked")

    def on_body(self, piece: bytes) -> None:
        """Keep a piece until the read is parsed."""
        if self.is_whole:
            return
        if self.first_byte_at is None:
            self.first_byte_at = self._clock()
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        self._bytes_since_body = 0

    def on_message_complete(self) -> None:
        """Note the end, or go on after an interim answer (1xx)."""
        if self.is_whole:
            return
        if self.status < 200:
            self.status = 0
            self.headers.clear()
        else:
            self.is_whole = True
            self.can_reuse = self._parser.should_keep_alive()

    def push(self) -> "Future[None] | None":
        """Move the pieces of a stream into the Out; the future to wait for before the next read, if there's one."""
        if not self._is_streaming or not self._pieces:
            return None
        piece = self._take_pieces()
        if not self.is_committed:
            self.is_committed = True
            self._out.start(self.status, passed_on(self.headers, self._request))
        return self._out.write(piece)

    def finish(self) -> None:
        """Give the whole answer, or the rest of a stream, and the outcome."""
        self.is_whole = True
        body = b""
        if self._is_streaming:
            self.push()
            if not self.is_committed:
                self.is_committed = True
                self._out.start(self.status, passed_on(self.headers, self._request))
            self._out.end()
        elif 200 <= self.status < 300:
            self.is_committed = True
            self._out.full(self.status, passed_on(self.headers, self._request), self._take_pieces())
        else:
            body = self._take_pieces()
        self._resolve(body, None, "", True)

    def fail(self, failure: Failure, detail: str, was_sent: bool = True) -> None:
        """Give the outcome of a broken exchange; nothing goes into the Out."""
        is_error = not 200 <= self.status < 300
        self._resolve(self._take_pieces()[:ERROR_BYTES] if is_error else b"", failure, detail, was_sent)

    def find_overdue(self, now: float) -> Failure | None:
        """The limit that has run out at `now` (loop time), if one has; has to be asked regularly, as silence is counted from call to call."""
        limits = self._limits
        if now >= limits.total_at:
            return Failure.TOTAL_TIMEOUT
        if self._is_waiting():
            return Failure.FIRST_BYTE_TIMEOUT if now - self._sent_at >= limits.first_byte_s else None
        if self._has_moved or self.is_paused:
            self._has_moved = False
            self._moved_at = now
        elif self._wants_stream and now - self._moved_at >= limits.gap_s:
            return Failure.GAP_TIMEOUT
        return None

    def _is_waiting(self) -> bool:
        """For the first token of a stream, or the head of a unary answer."""
        if not self._wants_stream:
            return self.status < 200
        has_token = self._limits.has_token
        return self.first_byte_at is None or (has_token is not None and not has_token())

    def _take_pieces(self) -> bytes:
        pieces, self._pieces, self._held_bytes = self._pieces, [], 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _resolve(self, body: bytes, failure: Failure | None, detail: str, was_sent: bool) -> None:
        del self._parser  # it holds our methods: without this every answer would be left to the cycle collector
        if self.done.done():
            return
        self.done.set_result(
            Outcome(
                self.status,
                tuple(self.headers),
                body,
                failure,
                detail,
                was_sent,
                self.is_committed,
                self.first_byte_at,
                self._clock(),
            )
        )
