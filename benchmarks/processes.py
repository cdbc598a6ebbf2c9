"""What processes cost: CPU seconds and memory from /proc, and which processes belong to something that was started (Linux)."""

import os
import signal
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
KB = 1024


@dataclass(frozen=True, slots=True)
class Process:
    """
    A process that can't be mistaken for a later one with the same number.

    Attributes:
        pid: its number.
        started: clock ticks after boot.
        title: its command line, as it may have rewritten it.
    """

    pid: int
    started: int
    title: str


def find_process(pid: int) -> Process | None:
    """The process with this number, or None if there is none or it has ended and waits for its parent."""
    fields = _read_stat(pid)
    if fields is None or fields[0] in ("Z", "X"):
        return None
    try:
        title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return None
    return Process(pid, int(fields[19]), title)


def find_descendants(pid: int) -> list[Process]:
    """The process with this number, its children, theirs, and so on, parents first; empty if it's gone."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (fields := _read_stat(int(entry))):
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, waiting = [], [pid]
    while waiting:
        current = waiting.pop()
        waiting += children.get(current, [])
        if process := find_process(current):
            found.append(process)
    return found


def cpu_seconds(pid: int) -> float | None:
    """User and system time of all its threads, ended ones too, in steps of a clock tick (10 ms); None if it's gone."""
    fields = _read_stat(pid)
    return None if fields is None else (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def pss_bytes(pid: int) -> int | None:
    """Its memory, with each shared page divided among those who share it; None if it's gone or isn't ours to see."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * KB for line in lines if line.startswith("Pss:")), None)


@dataclass(frozen=True, slots=True)
class CpuMeter:
    """CPU seconds of some processes at one moment; `used` says what they have taken since."""

    seconds: dict[int, float]

    @classmethod
    def read(cls, pids: Iterable[int]) -> "CpuMeter":
        """The meter now; processes that are gone are left out."""
        return cls({pid: seconds for pid in pids if (seconds := cpu_seconds(pid)) is not None})

    def used(self) -> float:
        """CPU seconds since `read` of those processes that are still there."""
        now = CpuMeter.read(self.seconds)
        return sum(seconds - self.seconds[pid] for pid, seconds in now.seconds.items())


def end_processes(processes: Sequence[Process], patience_s: float) -> None:
    """Asks these very processes to end, and kills those that haven't after `patience_s`; a number that was given to another is left alone."""
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 5.0)):
        left = [process for process in processes if _is_alive(process)]
        for process in left:
            _send(process, number)
        deadline = time.monotonic() + wait_s
        while any(_is_alive(process) for process in left) and time.monotonic() < deadline:
            time.sleep(0.05)


def _is_alive(process: Process) -> bool:
    now = find_process(process.pid)
    return now is not None and now.started == process.started


def _send(process: Process, number: signal.Signals) -> None:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return


def _read_stat(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat after the command's name: state, parent, …; field n of proc(5) is at n - 3."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
