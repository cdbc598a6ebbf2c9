"""Stand-ins for a socket's transport and for time, to drive the edge's protocol without a network."""

import asyncio
from collections.abc import Sequence
from typing import Any

from turnout.models.exchange import Handler
from turnout.models.outflow import Outflow
from turnout.serve.edge.config import EdgeLimits
from turnout.serve.edge.protocol import Connection
from turnout.serve.edge.traffic import Traffic


class FakeTransport(asyncio.Transport):
    """Keeps what is written; `unsent` is what the client hasn't taken, and over 64 KiB of it pause writing."""

    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("192.0.2.7", 4711)})
        self.protocol = protocol
        self.writes: list[bytes] = []
        self.unsent = 0
        self.is_reading_paused = False
        self.is_writing_paused = False
        self.has_eof = False
        self.is_closed = False
        self.is_aborted = False

    @property
    def written(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))
        if self.unsent > 65_536 and not self.is_writing_paused:
            self.is_writing_paused = True
            self.protocol.pause_writing()

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.has_eof = True

    def pause_reading(self) -> None:
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        self.is_reading_paused = False

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            if not self.unsent:
                self.protocol.connection_lost(None)

    def abort(self) -> None:
        is_first = not self.is_aborted and (not self.is_closed or bool(self.unsent))
        self.is_closed = self.is_aborted = True
        if is_first:
            self.protocol.connection_lost(None)


class EdgeRig:
    """The connections of one edge without a network, with a clock that the test moves."""

    def __init__(self, handler: Handler, limits: EdgeLimits | None = None, *, draws: Sequence[float] = (0.5,)) -> None:
        self._draws = list(draws)
        self.now = 1000.0
        self.outflow = Outflow(asyncio.get_running_loop())
        self.traffic = Traffic(handler, limits or EdgeLimits(), self._draw, lambda: 0.0, self.now)

    def connect(self) -> tuple[Connection, FakeTransport]:
        """A new client."""
        connection = Connection(self.traffic, asyncio.get_running_loop(), self.outflow)
        transport = FakeTransport(connection)
        connection.connection_made(transport)
        return connection, transport

    def pass_time(self, seconds: float) -> None:
        """Let time pass, with a sweep every second."""
        while seconds > 0:
            self.now += min(1.0, seconds)
            seconds -= 1.0
            self.traffic.sweep(self.now)

    def _draw(self) -> float:
        return self._draws.pop(0) if len(self._draws) > 1 else self._draws[0]


async def settle() -> None:
    """Let every task that can run do so."""
    for _ in range(10):
        await asyncio.sleep(0)
