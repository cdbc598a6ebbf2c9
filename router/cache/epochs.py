"""Makes answers void in one step, however many there are: a page of epochs that every answer is held against when it's found."""

import contextlib
import fcntl
import hashlib
import mmap
import os
import struct
from collections.abc import Generator, Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Final

SLOTS: Final = 8192
"""Two purges that share one of them make each other's answers void too, which costs hits and is never wrong."""
EVERYTHING: Final = 0
"""The slot of all answers."""

_MAGIC: Final = 0x3130_6863_6F70_6574  # tepoch01
_HEADER: Final = 8  # words
_WORD: Final = struct.calcsize("Q")
_AT_MAGIC, _AT_VERSION, _AT_KNOWN = range(3)


class EpochPage:
    """
    Owner of one node's page: when, by Control's count, the answers of each slot were last made void.

    A page in a file is mapped by all router replicas of the node, and read without a system call. Words only grow, so it makes no difference how many
    replicas write the same news. An answer remembers the page's version from when its request began; a slot that's newer makes it void.
    """

    def __init__(self, path: Path | None = None) -> None:
        """
        Map the page.

        Args:
            path: a file that the node's replicas share; None for a page of this replica's own.

        Raises:
            OSError: the file can't be made.
        """
        size_bytes = (_HEADER + SLOTS) * _WORD
        self._file: int | None = None
        if path is None:
            self._memory = mmap.mmap(-1, size_bytes)
        else:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            with self._locked():
                if os.fstat(self._file).st_size != size_bytes:
                    os.ftruncate(self._file, 0)
                    os.posix_fallocate(self._file, 0, size_bytes)
                self._memory = mmap.mmap(self._file, size_bytes)
        self._words = memoryview(self._memory).cast("Q")
        if self._words[_AT_MAGIC] != _MAGIC:
            self._words[:] = memoryview(bytes(size_bytes)).cast("Q")
            self._words[_AT_MAGIC] = _MAGIC

    def __repr__(self) -> str:
        return f"<EpochPage version {self.version}>"

    @property
    def version(self) -> int:
        """The last purge that it knows."""
        return self._words[_AT_VERSION]

    @property
    def is_known(self) -> bool:
        """Whether it has ever heard from Control: before, nobody can say what is void."""
        return self._words[_AT_KNOWN] == 1

    def is_void(self, slots: Iterable[int], epoch: int) -> bool:
        """Whether one of `slots` was purged after `epoch`."""
        words = self._words
        return words[_HEADER] > epoch or any(words[_HEADER + slot] > epoch for slot in slots)

    def take(self, purges: Mapping[int, int]) -> None:
        """Make void what was purged: versions by slot, all that Control knows of. When it returns, it holds on this node."""
        words = self._words
        with self._locked():
            for slot, version in purges.items():
                words[_HEADER + slot] = max(words[_HEADER + slot], version)
            # Last, so that an answer never has a version whose slots aren't there yet.
            words[_AT_VERSION] = max(words[_AT_VERSION], *purges.values(), 0)
            words[_AT_KNOWN] = 1
            self._memory.flush()

    def close(self) -> None:
        """Unmap it."""
        self._words.release()
        self._memory.close()
        if self._file is not None:
            os.close(self._file)

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        """One replica after the other: of two that raise a word at once, the higher has to win."""
        if self._file is None:
            yield
            return
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)


@lru_cache(maxsize=8192)
def slot_of(kind: str, name: str) -> int:
    """
    The slot of what a purge can name, the same everywhere.

    Args:
        kind: `tenant`, `model`, `namespace`, `tag` or `key`.
        name: which; a key in hex.
    """
    digest = hashlib.blake2b(f"{kind}:{name}".encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % (SLOTS - 1)
