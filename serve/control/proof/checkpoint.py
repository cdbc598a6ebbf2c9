"""A checkpoint: a signed statement of how far the audit log had come."""

import hashlib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from turnout.serve.config.secret import ConfigError

GENESIS = bytes(32)
"""Stands for what is before the first row, and before the first checkpoint."""


class Checkpoint(msgspec.Struct, frozen=True):
    """
    What one line of `audit.checkpoints` says.

    Attributes:
        number: from 1, without gaps.
        seq: of the last row, 0 for none.
        rows: how many there were up to it.
        head: hex of the hash that the next row has as its `prev_hash`.
        at_ns: wall clock, nanoseconds since 1970 UTC.
        reason: `start`, `stop`, `time`, or `gap` after the log was found to be another than the last checkpoint said.
        before: hex of the hash of the line before, so that a missing line shows.
        signature: hex of Ed25519 over the line with this field empty.
    """

    number: int
    seq: int
    rows: int
    head: str
    at_ns: int
    reason: str
    before: str
    signature: str = ""


_lines = msgspec.json.Decoder(Checkpoint)


def to_line(checkpoint: Checkpoint) -> str:
    """The checkpoint as its one line of JSON, without the line's end."""
    return msgspec.json.encode(checkpoint).decode()


def try_read_line(line: str) -> Checkpoint | None:
    """The checkpoint, or None where the line isn't exactly one."""
    try:
        checkpoint = _lines.decode(line)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return checkpoint if to_line(checkpoint) == line else None


def hash_line(line: str) -> str:
    """What the line after it has as `before`; "" is before the first."""
    return hashlib.blake2b(line.encode(errors="surrogateescape"), digest_size=32).hexdigest() if line else GENESIS.hex()


class Signer:
    """Signs checkpoints with the private key of one state folder."""

    def __init__(self, seed: bytes) -> None:
        """
        Args:
            seed: 32 bytes.
        """
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public_key(self) -> str:
        """64 hex digits; whoever has them can verify."""
        return self._key.public_key().public_bytes_raw().hex()

    def sign(self, checkpoint: Checkpoint) -> Checkpoint:
        """The checkpoint with its signature."""
        signature = self._key.sign(_signed_bytes(checkpoint))
        return msgspec.structs.replace(checkpoint, signature=signature.hex())


class PublicKey:
    """Tells whether a checkpoint was signed by the key that belongs to this one."""

    def __init__(self, text: str) -> None:
        """
        Args:
            text: 64 hex digits, as `audit.pub` has them.

        Raises:
            ConfigError: it's something else.
        """
        try:
            self._key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(text.strip()))
        except ValueError as error:
            raise ConfigError(f"{text.strip()[:80]!r} isn't a public key: 64 hex digits, as in audit.pub") from error

    def has_signed(self, checkpoint: Checkpoint) -> bool:
        """Whether the signature is this key's."""
        try:
            self._key.verify(bytes.fromhex(checkpoint.signature), _signed_bytes(checkpoint))
        except (InvalidSignature, ValueError):
            return False
        return True


def _signed_bytes(checkpoint: Checkpoint) -> bytes:
    return b"turnout audit checkpoint\n" + msgspec.json.encode(msgspec.structs.replace(checkpoint, signature=""))
