"""The files of the proof in Control's folder: the key that signs, its public half, and the checkpoints beside the store."""

import contextlib
import os
import secrets
from pathlib import Path

from turnout.serve.config.secret import ConfigError
from turnout.serve.control.proof.checkpoint import PublicKey, Signer

KEY_FILE = "audit.key"
PUBLIC_FILE = "audit.pub"
CHECKPOINT_FILE = "audit.checkpoints"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL


def get_signer(folder: Path) -> Signer:
    """
    The signer of this folder; its key is made, readable for its owner only, if it isn't there.

    Raises:
        ConfigError: the key can't be written or read, or isn't one.
    """
    path = folder / KEY_FILE
    try:
        with os.fdopen(os.open(path, _NEW, 0o600), "w") as file:
            file.write(f"{secrets.token_bytes(32).hex()}\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:
        pass
    except OSError as error:
        raise ConfigError(f"{str(path)!r} can't be written: {error.strerror}") from error
    try:
        signer = Signer(bytes.fromhex(path.read_text().strip()))
        (folder / PUBLIC_FILE).write_text(f"{signer.public_key}\n")
    except OSError as error:
        raise ConfigError(f"the key of the audit log in {str(folder)!r} can't be used: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(
            f"{str(path)!r} isn't a key: put the old one back; without it, older checkpoints can't be told from false ones"
        ) from error
    return signer


def put_key(folder: Path, key: str) -> None:
    """
    Make `key` the one that signs in this folder.

    Raises:
        ConfigError: it's no key, the folder has another, or can't be written.
    """
    if len(key) != 64 or not set(key) <= set("0123456789abcdefABCDEF"):
        raise ConfigError("audit_key isn't 64 hex digits, such as `openssl rand -hex 32` prints")
    path = folder / KEY_FILE
    try:
        with contextlib.suppress(FileExistsError), os.fdopen(os.open(path, _NEW, 0o600), "w") as file:
            file.write(f"{key}\n")
        found = path.read_text().strip()
    except OSError as error:
        raise ConfigError(f"{str(path)!r} can't be written: {error.strerror}") from error
    if found.lower() != key.lower():
        raise ConfigError(
            f"{str(path)!r} isn't audit_key: take the one that signed this store's checkpoints, and remove the other"
        )


def get_public_key(folder: Path) -> PublicKey:
    """
    The public key that lies in the folder.

    Raises:
        ConfigError: there is none, or it isn't one.
    """
    path = folder / PUBLIC_FILE
    try:
        return PublicKey(path.read_text(errors="replace"))
    except OSError as error:
        raise ConfigError(
            f"{str(path)!r} can't be read: {error.strerror}; it comes with the first start of Control"
        ) from error


def read_lines(folder: Path) -> list[str]:
    """The checkpoints beside the store, whole lines only; [] where there's no file. What isn't UTF-8 is kept as it is."""
    try:
        text = (folder / CHECKPOINT_FILE).read_text(errors="surrogateescape")
    except FileNotFoundError:
        return []
    return text.split("\n")[:-1]


def append_lines(folder: Path, lines: list[str]) -> None:
    """Add lines and wait for the disk; an unfinished last line is cut off first. Raises OSError."""
    with os.fdopen(os.open(folder / CHECKPOINT_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
        content = file.read()
        file.seek(content.rfind(b"\n") + 1)
        file.write("".join(f"{line}\n" for line in lines).encode(errors="surrogateescape"))
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
