"""Keeps what a client was sent, in case somebody else has to go on with it."""

from asyncio import Future
from typing import Final

from turnout.models.exchange import Headers, Out
from turnout.models.openai.token_comments import strip_comments

MOST_BYTES: Final = 1024 * 1024
"""Some 5,000 events of one token each; an answer longer than that isn't continued."""


class Transcript:
    """
    An Out that keeps the blocks of a stream as they come, and passes them on without their token comments.

    Nothing is parsed or copied on the way: `read_progress` does that if the stream breaks.

    Attributes:
        is_kept: False once the stream was longer than `most_bytes`; everything is forgotten then.
    """

    __slots__ = ("_blocks", "_free_bytes", "_has_comments", "_out", "is_kept")

    def __init__(self, out: Out, most_bytes: int = MOST_BYTES) -> None:
        self._out = out
        self._blocks: list[bytes] = []
        self._free_bytes = most_bytes
        self._has_comments = False
        self.is_kept = True

    def __repr__(self) -> str:
        return f"<Transcript {len(self._blocks)} blocks, {self._free_bytes} bytes free, is_kept={self.is_kept}>"

    def blocks(self) -> list[bytes]:
        """What was written, whole events each, with token comments; [] if it isn't kept."""
        return self._blocks

    def content(self) -> bytes:
        """All blocks in one."""
        return b"".join(self._blocks)

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`; there's nothing to continue in a whole answer."""
        self._out.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._out.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Keep whole events and pass them on."""
        self._free_bytes -= len(chunk)
        if self._free_bytes >= 0:
            self._blocks.append(chunk)
        elif self.is_kept:
            self.is_kept = False
            self._blocks = []
        if self._has_comments or chunk[:1] == b":":
            self._has_comments = True  # the first block of a stream has them at its start, if any has
            chunk = strip_comments(chunk)
        return self._out.write(chunk) if chunk else None

    def end(self) -> None:
        """See `Out.end`."""
        self._out.end()
