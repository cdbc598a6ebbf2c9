"""Counts ctrl-C instead of dying of it, so that the first can drain and the second cut."""

import signal
from types import FrameType, TracebackType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""systemd's and a closed terminal's signals mean the same as ctrl-C."""


class Interrupts:
    """Owns this process's handling of `STOPS` for the length of a block."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, object] = {}

    def __repr__(self) -> str:
        return f"Interrupts(count={self.count})"

    def __enter__(self) -> "Interrupts":
        for number in STOPS:
            self._before[number] = signal.signal(number, self._add)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _add(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
