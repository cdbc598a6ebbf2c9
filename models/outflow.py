"""Sends what one event loop has to say together at the end of a turn, instead of in the middle of whatever said it."""

import asyncio
from typing import Final

_AT_ONCE_BYTES: Final = 64 * 1024
"""What one transport may have waiting; a writer that doesn't let the loop turn meets the transport's own back-pressure from here on."""


class Outflow:
    """
    Owner of the bytes written during one turn of an event loop; bounded for each transport, and empty after every turn.

    A peer that sleeps is woken by the first of a batch of messages and finds the others when it looks again; sent one by one between other work,
    each of them wakes it anew. The pieces of one answer that are written in one turn (a head and its first chunk, a last chunk and the end) share
    a system call. `docs/adr/0008-one-send-a-turn.md` has what was measured.
    """

    __slots__ = ("_loop", "_waiting")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: dict[asyncio.WriteTransport, bytes] = {}

    def __repr__(self) -> str:
        return f"<Outflow {len(self._waiting)} transports waiting>"

    def write(self, transport: asyncio.WriteTransport, data: bytes) -> None:
        """Send `data` at the end of this turn, after what has been written to `transport` before."""
        waiting = self._waiting
        is_first = not waiting
        before = waiting.get(transport)
        waiting[transport] = data = data if before is None else before + data
        if len(data) > _AT_ONCE_BYTES:
            self.flush()
        elif is_first:
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Hand everything to the transports now."""
        waiting, self._waiting = self._waiting, {}
        for transport, data in waiting.items():
            if not transport.is_closing():
                transport.write(data)

    def discard(self, transport: asyncio.WriteTransport) -> bool:
        """Forget what waits for `transport`; whether there was anything, which then was never sent."""
        return self._waiting.pop(transport, None) is not None
