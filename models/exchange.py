"""
The shape of one HTTP exchange inside Turnout: a request head, a body, and an `Out` that the answer is pushed into.

Everything that looks at or changes an answer is an `Out` around an `Out`. The edge (`turnout.serve.edge`) makes the outermost one; the upstream
client (`turnout.models.http`) pushes into the innermost.
"""

from asyncio import Future
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

Headers = Sequence[tuple[bytes, bytes]]
"""Header lines in order: names in lower case, values stripped of surrounding blanks."""

JSON_HEADERS: Headers = ((b"content-type", b"application/json"),)


class RequestHead(msgspec.Struct, frozen=True):
    """
    A request without its body, already checked by the edge: one Host, no smuggling, limits kept.

    Attributes:
        method: in upper case, such as `b"POST"`.
        path: the raw path without query, still percent-encoded, such as `b"/v1/models"`.
        query: the raw query without `?`, or `b""`.
        headers: by lower-case name; of a repeated header the last value (the edge refuses repeats that matter).
        peer: the client's address, for logs.
    """

    method: bytes
    path: bytes
    query: bytes
    headers: Mapping[bytes, bytes]
    peer: str


class Out(Protocol):
    """
    Where an answer goes: either one `full`, or `start`, any number of `write`, then `end`.

    A handler that returns without `full` or `end` has cut the answer: the edge closes the connection, so that the client can tell. None of the four
    raises when the client is gone: the handler's task is cancelled instead.
    """

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer; content-length and connection headers are the edge's."""
        ...

    def start(self, status: int, headers: Headers) -> None:
        """Send the head of a streamed answer; framing headers are the edge's."""
        ...

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Send a piece of the body now. None: go on. A future: wait for it before the next piece (back-pressure); it never fails."""
        ...

    def end(self) -> None:
        """Finish a streamed answer."""
        ...


Handler = Callable[[RequestHead, bytes, Out], Awaitable[None]]
"""Answers one request. Cancelled when the client leaves; an exception that leaves it becomes the edge's last-resort 500."""
