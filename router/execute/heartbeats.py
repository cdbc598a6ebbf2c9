"""Keeps the clients of quiet streams alive: one coarse tick looks at all of them, so that a stream costs no timer."""

from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from turnout.router.stream import Reply

TICK_S = 0.25


class CallLater(Protocol):
    """An event loop's `call_later`."""

    def __call__(self, delay: float, callback: Callable[[], None]) -> object:
        """Call `callback` in `delay` seconds."""
        ...


class Heartbeats:
    """Owns the streams that are under way; one per router replica. Nothing wakes up while there are none."""

    __slots__ = ("_call_later", "_is_ticking", "_now", "_streams")

    def __init__(self, call_later: CallLater, now: Callable[[], float]) -> None:
        self._call_later = call_later
        self._now = now
        self._streams: set[Quiet] = set()
        self._is_ticking = False

    def __repr__(self) -> str:
        return f"<Heartbeats {len(self._streams)} streams>"

    def watch(self, reply: Reply, echo_id: bytes, after_s: float) -> "Quiet":
        """For `with`: while the block lasts, the client hears something at least every `after_s`, to a tick."""
        return Quiet(self, reply, echo_id, after_s, self._now())

    def add(self, stream: "Quiet") -> None:
        """Look at a stream from now on."""
        self._streams.add(stream)
        if not self._is_ticking:
            self._is_ticking = True
            self._call_later(TICK_S, self._tick)

    def remove(self, stream: "Quiet") -> None:
        """Don't look at it any more."""
        self._streams.discard(stream)

    def _tick(self) -> None:
        self._is_ticking = bool(self._streams)
        if self._is_ticking:
            self._call_later(TICK_S, self._tick)  # first, so that one stream's fault doesn't end the others' heartbeats
        now = self._now()
        for stream in tuple(self._streams):
            stream.beat_if_quiet(now)


class Quiet:
    """One stream, and since when it has been quiet."""

    __slots__ = ("_after_s", "_beats", "_echo_id", "_quiet_since", "_reply")

    def __init__(self, beats: Heartbeats, reply: Reply, echo_id: bytes, after_s: float, now: float) -> None:
        self._beats = beats
        self._reply = reply
        self._echo_id = echo_id
        self._after_s = after_s
        self._quiet_since = now

    def __enter__(self) -> "Quiet":
        self._beats.add(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._beats.remove(self)

    def beat_if_quiet(self, now: float) -> None:
        """Write a comment if nothing has been written for long enough."""
        if self._reply.has_moved:
            self._reply.has_moved = False
            self._quiet_since = now
        elif now - self._quiet_since >= self._after_s:
            self._quiet_since = now
            self._reply.beat(self._echo_id)
