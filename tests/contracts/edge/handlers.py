"""Handlers that the edge's tests are served by."""

import asyncio
from dataclasses import dataclass, field

from turnout.models.exchange import Out, RequestHead

TEXT = ((b"content-type", b"text/plain"),)


async def echo(head: RequestHead, body: bytes, out: Out) -> None:
    """Says what arrived."""
    out.full(200, TEXT, b"%b %b?%b %b" % (head.method, head.path, head.query, body))


async def count_down(head: RequestHead, body: bytes, out: Out) -> None:
    """Three pieces."""
    out.start(200, ((b"content-type", b"text/event-stream"),))
    for piece in (b"data: 3\n\n", b"data: 2\n\n", b"data: 1\n\n"):
        waiting = out.write(piece)
        if waiting is not None:
            await waiting
    out.end()


async def fail(head: RequestHead, body: bytes, out: Out) -> None:
    """Breaks before it has said anything."""
    raise ZeroDivisionError


@dataclass
class Gate:
    """A handler that waits to be opened, and says when it began and whether it was cancelled."""

    is_stream: bool = False
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    cancelled: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        if self.is_stream:
            out.start(200, TEXT)
            out.write(b"first")
        self.begun.set()
        try:
            await self.opened.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        if self.is_stream:
            out.write(b"last")
            out.end()
        else:
            out.full(200, TEXT, b"opened")
