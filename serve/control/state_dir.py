"""The folder that belongs to one Control: its lock, its admin key, its store."""

import fcntl
import os
import secrets
from pathlib import Path
from typing import Self

from turnout.serve.config.secret import ConfigError

STORE_FILE = "control.sqlite"
KEY_FILE = "admin.key"
LOCK_FILE = "control.lock"


class StateDir:
    """
    Owner of the folder, as long as the lock is held; the kernel lets go of it when the process ends, however it ends.

    A lock file of its own, because SQLite's locks on the store are of the other kind and end with any close of the file.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock

    def __repr__(self) -> str:
        return f"StateDir({str(self.path)!r})"

    @classmethod
    def take(cls, path: Path) -> Self:
        """
        Make the folder if it isn't there (for its owner only), and lock it.

        Raises:
            ConfigError: another process holds it, or it can't be written; the text says which.
        """
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigError(f"state_dir {str(path)!r} can't be used: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(lock, 32, 0).decode(errors="replace").strip()
            os.close(lock)
            raise ConfigError(
                f"state_dir {str(path)!r} is in use by another Control (process {holder or 'unknown'}): a ledger has one writer. "
                "Stop that cluster, or give this one another state_dir"
            ) from error
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
        return cls(path, lock)

    def release(self) -> None:
        """Let the next one in; doing it twice is fine."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def get_admin_key(self) -> str:
        """
        The key in `admin.key`, which is made, readable for its owner only, if it isn't there.

        Raises:
            ConfigError: the file can't be read or is empty.
        """
        path = self.path / KEY_FILE
        try:
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(f"ta-{secrets.token_urlsafe(32)}\n")
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            pass
        except OSError as error:
            raise ConfigError(f"{str(path)!r} can't be written: {error.strerror}") from error
        try:
            key = path.read_text().strip()
        except OSError as error:
            raise ConfigError(f"{str(path)!r} can't be read: {error.strerror}") from error
        if not key:
            raise ConfigError(f"{str(path)!r} is empty: remove it, and the next start makes a key")
        return key
