"""A pool of real engines whose replicas break every streamed chat off: an `import_path` of a cluster file, for trials of continuation only."""

import asyncio
import hashlib
from asyncio import Future
from collections.abc import Callable

from turnout.models.exchange import Handler, Headers, Out, RequestHead
from turnout.serve.config.arguments import EngineArgs
from turnout.serve.engine import Engine, engine_app

CHAT = b"/v1/chat/completions"
FEWEST, MOST = 4, 40
"""Writes of a stream that come through; an engine writes once or twice before the first token, and then a token each."""


class BreakingEngine(Engine):
    """A replica whose chat streams end without an end. What goes on with them comes as a completion, and is left alone."""

    def make_handler(self) -> Handler:
        """The engine's, broken off."""
        return with_breaks(super().make_handler(), draw_place)


class BreakingOut:
    """An Out that takes so many writes, says so, and drops the rest; the end too."""

    def __init__(self, out: Out, writes: int) -> None:
        self._out = out
        self._left = writes
        self.is_over = asyncio.Event()

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`; errors and whole answers pass."""
        self._out.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._out.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """See `Out.write`."""
        if self._left == 0:
            self.is_over.set()
            return None
        self._left -= 1
        return self._out.write(chunk)

    def end(self) -> None:
        """See `Out.end`; a stream that was shorter isn't broken."""
        if not self.is_over.is_set():
            self._out.end()


def with_breaks(handler: Handler, place: Callable[[bytes], int]) -> Handler:
    """A handler that breaks chats off after as many writes as `place` says of their body, by returning without an end; whole answers pass."""

    async def handle(head: RequestHead, body: bytes, out: Out) -> None:
        if head.path != CHAT:
            await handler(head, body, out)
            return
        breaking = BreakingOut(out, place(body))
        answering = asyncio.ensure_future(handler(head, body, breaking))
        over = asyncio.ensure_future(breaking.is_over.wait())
        try:
            await asyncio.wait([answering, over], return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            for task in (answering, over):
                task.cancel()
            await asyncio.gather(answering, over, return_exceptions=True)

    return handle


def draw_place(body: bytes) -> int:
    """Where to break: the same place for the same body."""
    return FEWEST + int.from_bytes(hashlib.blake2b(body, digest_size=4).digest()) % (MOST - FEWEST)


def breaking_engine(args: EngineArgs) -> object:
    """The Serve application."""
    return engine_app(args, BreakingEngine)
