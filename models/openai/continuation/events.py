"""Takes whole SSE events apart into token comments and JSON."""

from collections.abc import Iterator

import msgspec

from turnout.models.openai.token_comments import PROMPT, TOKENS


class Event(msgspec.Struct, frozen=True, gc=False):
    """
    One event.

    Attributes:
        comments: its token comments, without line ends.
        payload: its JSON, or None where it has none (a heartbeat).
    """

    comments: list[bytes]
    payload: bytes | None


def split_events(block: bytes) -> Iterator[Event]:
    """The events of a block that ends with one; lines may end with LF or CRLF, comments other than token comments are left out."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
    for part in block.split(b"\n\n"):
        if part.startswith(b"data:") and b"\n" not in part:
            yield Event([], part[5:].strip())
        elif part:
            yield _read(part.split(b"\n"))


def _read(lines: list[bytes]) -> Event:
    comments = [line for line in lines if line.startswith((PROMPT, TOKENS))]
    pieces = [line[5:].strip() for line in lines if line.startswith(b"data:")]
    return Event(comments, b"\n".join(pieces) if pieces else None)
