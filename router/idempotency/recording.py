"""An Out that remembers a whole answer as it passes."""

import re
from asyncio import Future
from collections.abc import Callable

from turnout.models.exchange import Headers, Out
from turnout.router.idempotency.store import KeptAnswer

SAME_AGAIN = frozenset((400, 413, 415, 422))
"""Refusals that the same request would get again. 401, 403 and 404 change with keys and settings; 408, 409, 429 and 5xx with time."""
_PASSING = (b"x-ratelimit-", b"retry-after")
"""Headers that are about a moment, and wrong later."""
_DONE = re.compile(rb"data: ?\[DONE\]\s*\Z")


class Recording:
    """Passes everything on; an answer that is whole, small enough and worth giving again is told before its last byte is."""

    __slots__ = ("_chunks", "_head", "_keep", "_most_bytes", "_out", "_size")

    def __init__(self, out: Out, most_bytes: int, keep: Callable[[KeptAnswer], None]) -> None:
        """
        Args:
            most_bytes: of a body; a larger one isn't kept.
            keep: gets the answer.
        """
        self._out = out
        self._most_bytes = most_bytes
        self._keep = keep
        self._head: tuple[int, Headers] | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        if len(body) <= self._most_bytes and (200 <= status < 300 or status in SAME_AGAIN):
            self._keep(KeptAnswer(status, _lasting(headers), body, is_stream=False))
        self._out.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._head = (status, headers)
        self._out.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """See `Out.write`."""
        self._size += len(chunk)
        if self._size <= self._most_bytes:
            self._chunks.append(chunk)
        else:
            self._chunks.clear()
        return self._out.write(chunk)

    def end(self) -> None:
        """See `Out.end`."""
        if self._head is not None and self._size <= self._most_bytes:
            status, headers = self._head
            body = b"".join(self._chunks)
            if is_whole(status, headers, body):
                self._keep(KeptAnswer(status, _lasting(headers), body, is_stream=True))
        self._out.end()


def is_whole(status: int, headers: Headers, body: bytes) -> bool:
    """Whether a stream that has ended is an answer: one of events without `[DONE]` was broken off, and says so in its last event."""
    is_events = any(name == b"content-type" and value.startswith(b"text/event-stream") for name, value in headers)
    return 200 <= status < 300 and (not is_events or _DONE.search(body, max(0, len(body) - 64)) is not None)


def _lasting(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    return tuple((name, value) for name, value in headers if not name.startswith(_PASSING))
