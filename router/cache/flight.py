"""Lets identical requests that are under way at once share one answer: one call upstream, however many wait for it."""

import asyncio
import logging
from asyncio import Future
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Final

from turnout.models.errors import TurnoutError, UpstreamTimeout
from turnout.models.exchange import Headers, Out

BEHIND_BYTES: Final = 256 * 1024
"""How far the slowest client may lag behind before the upstream is held up."""

_log = logging.getLogger("turnout.cache")


class Seat:
    """
    One request's place on a flight: its Out, what of the answer still waits for it, and how it ends.

    Attributes:
        has_begun: whether its client has been sent anything.
        waiting_bytes: written by the flight, not yet taken by its client.
    """

    __slots__ = (
        "_adapt",
        "_done",
        "_ended",
        "_flight",
        "_is_blocked",
        "_out",
        "_waiting",
        "has_begun",
        "waiting_bytes",
    )

    def __init__(self, flight: "Flight", out: Out, adapt: Callable[[Headers], Headers]) -> None:
        self._flight = flight
        self._out = out
        self._adapt = adapt
        self._waiting: deque[bytes] = deque()
        self._is_blocked = False
        self._ended = False
        self._done: Future[None] = asyncio.get_running_loop().create_future()
        self.has_begun = False
        self.waiting_bytes = 0

    async def wait(self, within_s: float | None = None) -> None:
        """
        Until the answer has passed to the client, or the flight has ended without one.

        Args:
            within_s: how long its beginning may take, or None for as long as the call.

        Raises:
            UpstreamTimeout: it took longer.
            Exception: what the call ended with, where this client hasn't been sent anything.
        """
        if within_s is not None:
            await asyncio.wait((self._done,), timeout=within_s)
            if not (self._done.done() or self.has_begun):
                raise UpstreamTimeout("No answer came within the time that the request gave it; give it more.")
        await self._done

    def leave(self) -> None:
        """Give the seat up; the last one who leaves ends the flight."""
        self._flight.forget(self)

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """Pass a whole answer on."""
        self.has_begun = True
        self._out.full(status, self._adapt(headers), body)
        self._finish()

    def start(self, status: int, headers: Headers) -> None:
        """Pass a head on."""
        self.has_begun = True
        self._out.start(status, self._adapt(headers))

    def write(self, chunk: bytes) -> None:
        """Pass a piece on, or keep it until the client has taken what came before."""
        if self._is_blocked:
            self._waiting.append(chunk)
            self.waiting_bytes += len(chunk)
        else:
            self._send(chunk)

    def end(self) -> None:
        """Pass the end on, behind what waits."""
        self._ended = True
        if not self._is_blocked:
            self._out.end()
            self._finish()

    def cut(self, error: BaseException | None) -> None:
        """Hear that nothing more will come. What waits still goes out: `_drain` sees the end of it."""
        if not self._is_blocked:
            self._finish(None if self.has_begun else error)

    def _send(self, chunk: bytes) -> None:
        pause = self._out.write(chunk)
        if pause is not None:
            self._is_blocked = True
            pause.add_done_callback(self._drain)

    def _drain(self, _: "Future[None]") -> None:
        """The client has taken what it had: go on with what waits."""
        self._is_blocked = False
        if self._done.done():
            return
        while self._waiting and not self._is_blocked:
            chunk = self._waiting.popleft()
            self.waiting_bytes -= len(chunk)
            self._send(chunk)
        self._flight.note_drained()
        if self._is_blocked or self._waiting:
            return
        if self._ended:
            self._out.end()
        if self._ended or self._flight.is_over:
            self._finish()

    def _finish(self, error: BaseException | None = None) -> None:
        if self._done.done():
            return
        if error is None:
            self._done.set_result(None)
        else:
            self._done.set_exception(error)


class Flight:
    """
    An Out that owns one call upstream, in a task of its own, and passes what it's given to everybody on board.

    Whoever boards later is first given what has come so far. When the last one leaves, the call is cancelled at once.

    Attributes:
        epoch: version of the epoch page when it began.
        is_over: whether the call has ended.
    """

    def __init__(self, most_bytes: int, epoch: int, forget: Callable[["Flight"], None]) -> None:
        """
        Args:
            most_bytes: of an answer that others can still join; it isn't kept beyond that.
            epoch: see below.
            forget: called once the call has ended.
        """
        self._most_bytes = most_bytes
        self._forget = forget
        self._seats: list[Seat] = []
        self._head: tuple[int, Headers] | None = None
        self._whole: tuple[int, Headers, bytes] | None = None
        self._pieces: list[bytes] | None = []
        self._size_bytes = 0
        self._has_ended = False
        self._room: Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self.epoch = epoch
        self.is_over = False

    def __repr__(self) -> str:
        return f"<Flight {len(self._seats)} seats, {self._size_bytes} bytes, is_over={self.is_over}>"

    @property
    def is_joinable(self) -> bool:
        """Whether everything that has come is still here, and is all there is or has somebody on board who keeps the call alive."""
        return not self.is_over and self._pieces is not None and (bool(self._seats) or self._is_whole)

    @property
    def _is_whole(self) -> bool:
        return self._has_ended or self._whole is not None

    def depart(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Begin the call. What `work` raises is raised at every seat that has nothing yet."""
        self._task = asyncio.get_running_loop().create_task(work())
        self._task.add_done_callback(self._end)

    async def land(self) -> None:
        """Until the call has ended and what is kept of it is kept."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    def board(self, out: Out, adapt: Callable[[Headers], Headers]) -> Seat:
        """
        A seat, which is given all that has come.

        Args:
            out: of the request.
            adapt: makes its own head of the answer's.
        """
        seat = Seat(self, out, adapt)
        self._seats.append(seat)
        if self._whole is not None:
            seat.full(*self._whole)
        elif self._head is not None:
            seat.start(*self._head)
            for piece in self._pieces or ():
                seat.write(piece)
            if self._has_ended:
                seat.end()
        return seat

    def forget(self, seat: Seat) -> None:
        """Hear that a request is over; see `Seat.leave`."""
        if seat in self._seats:
            self._seats.remove(seat)
        if not (self._seats or self._is_whole) and self._task is not None:
            self._task.cancel()
        self.note_drained()

    def note_drained(self) -> None:
        """Hear that a client has taken something: the upstream may go on if all of them have."""
        if self._room is not None and not self._is_held_up():
            self._room.set_result(None)
            self._room = None

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        self._whole = status, headers, body
        for seat in list(self._seats):
            seat.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._head = status, headers
        for seat in list(self._seats):
            seat.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """See `Out.write`."""
        self._size_bytes += len(chunk)
        if self._pieces is not None:
            self._pieces.append(chunk)
            if self._size_bytes > self._most_bytes:
                self._pieces = None
        for seat in list(self._seats):
            seat.write(chunk)
        if not self._is_held_up():
            return None
        if self._room is None:
            self._room = asyncio.get_running_loop().create_future()
        return self._room

    def end(self) -> None:
        """See `Out.end`."""
        self._has_ended = True
        for seat in list(self._seats):
            seat.end()

    def _is_held_up(self) -> bool:
        return any(seat.waiting_bytes > BEHIND_BYTES for seat in self._seats)

    def _end(self, task: asyncio.Task[None]) -> None:
        self.is_over = True
        self._forget(self)
        error = None if task.cancelled() else task.exception()
        for seat in list(self._seats):
            seat.cut(error)
        if error is not None and not isinstance(error, TurnoutError):
            _log.error("a call that requests shared has failed", exc_info=error)
