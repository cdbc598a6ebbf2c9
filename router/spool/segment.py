"""A file of records that outlives whoever writes it: mapped memory, so that a record costs one copy and no system call."""

import contextlib
import fcntl
import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Self

SEGMENT_BYTES = 1024 * 1024
"""About 5,000 rows. A few of them are written over and over, so their pages stay in the cache."""

_HEADER = struct.Struct("<8sQ")
_RECORD = struct.Struct("<II")
_MAGIC = b"turnspl1"
_TRIES = 3


class Segment:
    """
    Owner of one file and its lock, which the kernel lets go of when the process ends, however it ends.

    After the header, each record is its length, a CRC-32 and its bytes. What is written is in the kernel's page cache at once: it survives the
    process, and not the machine. The checksum begins with the file's epoch, so a record of an epoch before doesn't count, and neither does one that
    was only half copied when the process was killed.

    The space is taken when the file is made: a mapped page that finds the disk full later would be a SIGBUS, which ends the process.
    """

    __slots__ = ("_at", "_epoch", "_file", "_memory", "_size_bytes", "path")

    def __init__(self, path: Path, file: int, size_bytes: int) -> None:
        """`create` makes one."""
        self.path = path
        self._file = file
        self._size_bytes = size_bytes
        self._memory = mmap.mmap(file, size_bytes)
        self._epoch = 0
        self._at = 0
        self.clear()

    def __repr__(self) -> str:
        return f"<Segment {self.path.name} {self._at} of {self._size_bytes} bytes>"

    @classmethod
    def create(cls, path: Path, size_bytes: int = SEGMENT_BYTES) -> Self:
        """Make the file, with all of its space, and lock it. Raises OSError where that can't be done; nothing is left then."""
        file = _create_locked(path)
        try:
            os.posix_fallocate(file, 0, size_bytes)
            return cls(path, file, size_bytes)
        except OSError:
            path.unlink(missing_ok=True)
            os.close(file)
            raise

    def try_append(self, record: bytes) -> bool:
        """Write a record behind the last; False where there's no room."""
        at = self._at
        end = at + 8 + len(record)
        if end > self._size_bytes:
            return False
        self._memory[at:end] = _RECORD.pack(len(record), zlib.crc32(record, self._epoch)) + record
        self._at = end
        return True

    def clear(self) -> None:
        """Begin anew: no record that was written before counts any more."""
        self._epoch += 1
        self._memory[: _HEADER.size] = _HEADER.pack(_MAGIC, self._epoch)
        self._at = _HEADER.size

    def close(self, *, keeps: bool) -> None:
        """Let go of the file; whoever sweeps takes it from there if it's kept."""
        if not keeps:
            self.path.unlink(missing_ok=True)
        self._memory.close()
        os.close(self._file)


class Orphan:
    """
    A segment whose writer is gone, locked by whoever found it. For `with`: at the end it's left for the next one, unless it was removed.

    Attributes:
        path: the file's.
        records: all whole ones, in order.
    """

    __slots__ = ("_file", "path", "records")

    def __init__(self, path: Path, file: int, records: list[bytes]) -> None:
        """`find` makes one."""
        self._file = file
        self.path = path
        self.records = records

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    @classmethod
    def find(cls, path: Path) -> Self | None:
        """The file at `path`, or None where somebody writes it, reads it or has removed it. Raises OSError where it can't be read."""
        try:
            file = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            if not _try_lock(file):
                os.close(file)
                return None
            return cls(path, file, read_records(os.pread(file, os.fstat(file).st_size, 0)))
        except OSError:
            os.close(file)
            raise

    def remove(self) -> None:
        """Delete the file: its records are safe."""
        self.path.unlink(missing_ok=True)


def read_records(data: bytes) -> list[bytes]:
    """The records of a segment, up to the first that isn't whole; none where `data` is something else."""
    records: list[bytes] = []
    if len(data) < _HEADER.size:
        return records
    magic, epoch = _HEADER.unpack_from(data)
    at = _HEADER.size
    while magic == _MAGIC and at + _RECORD.size <= len(data):
        length, checksum = _RECORD.unpack_from(data, at)
        record = data[at + _RECORD.size : at + _RECORD.size + length]
        if not length or len(record) < length or zlib.crc32(record, epoch) != checksum:
            break
        records.append(record)
        at += _RECORD.size + length
    return records


def _create_locked(path: Path) -> int:
    """A new file. Whoever sweeps may find it before it's locked, and remove it for an empty one: then it's made again."""
    for _ in range(_TRIES):
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        if _try_lock(file):
            return file
        os.close(file)
        path.unlink(missing_ok=True)
    raise FileExistsError(f"{str(path)!r} is taken away again and again")


def _try_lock(file: int) -> bool:
    """Lock a file that's still there under its name; False where somebody else has it, or has removed it."""
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(file).st_nlink > 0
    return False
