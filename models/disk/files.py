"""Folders that are either whole or not there: locks, durable renames, sizes."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(file: Path, on_wait: Callable[[], None]) -> Generator[int]:
    """
    Hold an exclusive lock on a file for the length of the block, waiting for whoever has it.

    Args:
        file: made if it isn't there, and never removed: removing a lock file lets two in at once.
        on_wait: called once if somebody else has the lock.

    Yields:
        The locked descriptor. A child that inherits it keeps the lock while it lives, even if this process is killed.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            on_wait()
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def staging(destination: Path) -> Generator[Path]:
    """
    An empty folder beside `destination` for work that may fail; it is gone after the block.

    Leftovers of attempts that were killed are removed first, so hold the destination's lock.
    """
    for leftover in destination.parent.glob(f".{destination.name}.*.part"):
        shutil.rmtree(leftover)
    work = Path(tempfile.mkdtemp(prefix=f".{destination.name}.", suffix=".part", dir=destination.parent))
    try:
        yield work
    finally:
        shutil.rmtree(work, ignore_errors=True)


def publish(folder: Path, destination: Path) -> None:
    """
    Move a finished folder, made in a `staging` of `destination`, to `destination`, in place of what is there.

    Everything is on the disk before the rename, so that after a power cut the destination is absent, old or new, and never half. Every file gets
    the mode that the process's umask gives: safetensors writes its own as private, which a cluster under another user couldn't read.
    """
    umask = os.umask(0)
    os.umask(umask)
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(parent, name)
            file.chmod(0o666 & ~umask)
            _sync(file)
        _sync(Path(parent))
    if destination.exists():
        destination.rename(folder.with_name("replaced"))
    folder.rename(destination)
    _sync(destination.parent)


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder that may be changing meanwhile; a link counts as what it points to."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += Path(parent, name).stat().st_size
            except FileNotFoundError:
                continue
    return total


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
