"""The seam to where claims on idempotency keys and kept answers are."""

import enum
from typing import Protocol

import msgspec

from turnout.models.exchange import Out

REPLAYED = (b"x-turnout-idempotent-replay", b"true")


class Verdict(enum.Enum):
    """What became of a claim when there's no answer yet."""

    CLAIMED = "claimed"
    """The key is the caller's until it's kept or freed."""
    IN_FLIGHT = "in flight"
    """The same request is being answered."""
    OTHER_REQUEST = "other request"
    """The key belongs to a request with another body or route."""


class KeptAnswer(msgspec.Struct, frozen=True, array_like=True):
    """A whole answer, as the client got it."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    is_stream: bool

    def replay(self, out: Out) -> None:
        """Give it again; one header says that it's not new."""
        headers = (*self.headers, REPLAYED)
        if not self.is_stream:
            out.full(self.status, headers, self.body)
            return
        out.start(self.status, headers)
        out.write(self.body)
        out.end()


class ClaimStore(Protocol):
    """Keeps claims and answers, bounded. Keys and fingerprints are hashes of 32 bytes."""

    async def claim(self, key: bytes, fingerprint: bytes) -> KeptAnswer | Verdict:
        """
        The answer of `key`, or who has it; a key that nobody has is the caller's now.

        Raises:
            NoTarget: the store can't be reached, so nobody knows.
        """
        ...

    def keep(self, key: bytes, fingerprint: bytes, answer: KeptAnswer) -> None:
        """Give a claimed key its answer; never waits."""
        ...

    def free(self, key: bytes) -> None:
        """Let go of a claim that has no answer; never waits, and does nothing for a key that isn't claimed by the caller."""
        ...
