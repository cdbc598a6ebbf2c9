"""Puts a replica's own memory in front of a store that others share."""

from collections.abc import Callable

from turnout.router.cache.entry import Entry
from turnout.router.cache.stores.memory import MemoryStore
from turnout.router.cache.stores.store import CacheStore, Fill


class LayeredStore:
    """Asks the memory first; what the other has is then in the memory too."""

    def __init__(self, memory: MemoryStore, shared: CacheStore, is_fresh: Callable[[Entry], bool]) -> None:
        """
        Args:
            is_fresh: whether an entry can be given as it is; of one that can't, another replica may have put a newer.
        """
        self._memory = memory
        self._shared = shared
        self._is_fresh = is_fresh

    def __repr__(self) -> str:
        return f"LayeredStore({self._memory!r}, {self._shared!r})"

    async def find(self, key: bytes) -> Entry | None:
        """See `CacheStore.find`."""
        near = self._memory.find_now(key)
        if near is not None and self._is_fresh(near):
            return near
        far = await self._shared.find(key)
        if far is None:
            return near
        self._memory.put(far)
        return far

    def put(self, entry: Entry) -> None:
        """See `CacheStore.put`."""
        self._memory.put(entry)
        self._shared.put(entry)

    def drop(self, key: bytes) -> None:
        """See `CacheStore.drop`."""
        self._memory.drop(key)
        self._shared.drop(key)

    async def settle(self) -> None:
        """See `CacheStore.settle`."""
        await self._shared.settle()

    def fill(self) -> Fill:
        """See `CacheStore.fill`; the shared store's, which has all that the memory has."""
        return self._shared.fill()

    async def close(self) -> None:
        """See `CacheStore.close`."""
        await self._shared.close()
