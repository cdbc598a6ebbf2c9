"""The seam to what keeps answers; one contract suite holds all of its implementations."""

from typing import Protocol

import msgspec

from turnout.router.cache.entry import Entry


class Fill(msgspec.Struct, frozen=True):
    """How full a store is, as far as it knows."""

    entries: int
    size_bytes: int


class CacheStore(Protocol):
    """
    Keeps entries by their keys, within bounds of its own.

    It may lose any of them at any time, and never gives one that is broken or another key's. It doesn't know what is fresh: whoever asks does. No
    method raises for what goes wrong within: that is a miss, or an answer that isn't kept.
    """

    async def find(self, key: bytes) -> Entry | None:
        """The entry of this key, or None."""
        ...

    def put(self, entry: Entry) -> None:
        """Keep an entry instead of what had its key; soon, if not at once, and nobody waits for it."""
        ...

    def drop(self, key: bytes) -> None:
        """Forget an entry that can't be given any more."""
        ...

    async def settle(self) -> None:
        """Come back when what was put and dropped before is kept and forgotten, or has failed."""
        ...

    def fill(self) -> Fill:
        """How full it is."""
        ...

    async def close(self) -> None:
        """Settle, and let go of everything."""
        ...
