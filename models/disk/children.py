"""Child processes of a pull: they hold its lock, write to its log, and don't outlive the block they run in."""

import os
import subprocess
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from turnout.models.disk.errors import PullFailed
from turnout.models.disk.progress import Report

_GRACE_S = 5.0
_LAST_LINES = 3
_NOT_TELLING = ("Traceback (most recent call last)", "During handling of", "The above exception was")


@dataclass(frozen=True, slots=True)
class Work:
    """
    What belongs to one pull alone.

    Attributes:
        folder: removed when the pull ends.
        lock_fd: the pull's lock. Children inherit it, so that the next pull waits for them too if this process is killed.
        report: who is told how far it is.
    """

    folder: Path
    lock_fd: int
    report: Report


@contextmanager
def running(command: Sequence[str], environ: Mapping[str, str], work: Work) -> Generator["subprocess.Popen[str]"]:
    """
    Run a program for the length of the block, with `environ` on top of this process's; its stdout is the caller's to read.

    Leaving the block early, by ctrl-C or an error, ends the program: asked first, killed after 5 s.

    Raises:
        PullFailed: the program ended, and not with 0; the end of what it wrote to stderr is in the text.
    """
    log = work.folder / "stderr.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(  # noqa: S603 - the commands are ours: pip and modules of this package
            command,
            env={**os.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            pass_fds=(work.lock_fd,),
            text=True,
        ) as child,
    ):
        try:
            yield child
        finally:
            _stop(child)
    if child.returncode != 0:
        raise PullFailed(_last_lines(log))


def ends_within(child: "subprocess.Popen[str]", seconds: float) -> bool:
    """Wait so long for a child's end; whether it came."""
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _last_lines(log: Path) -> str:
    """The end of a log as one line, without the inner lines of a traceback."""
    lines = [line.rstrip() for line in log.read_text(errors="replace").splitlines()]
    telling = [line for line in lines if line and not line[0].isspace() and not line.startswith(_NOT_TELLING)]
    return " | ".join(telling[-_LAST_LINES:]) or "it ended without a word"


def _stop(child: "subprocess.Popen[str]") -> None:
    if child.poll() is not None:
        return
    child.terminate()
    if not ends_within(child, _GRACE_S):
        child.kill()
        child.wait()
