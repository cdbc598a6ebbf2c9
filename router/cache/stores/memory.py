"""Keeps answers in a router replica's own memory: what is asked for most often, nearest."""

from collections import OrderedDict
from itertools import islice

from turnout.router.cache.entry import Entry
from turnout.router.cache.stores.store import Fill

CHOICE = 16
"""Of so many entries that nobody has asked for in the longest time, the one that saves least goes."""


class _Held:
    """An entry and how often it was found."""

    __slots__ = ("entry", "hits")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.hits = 0

    @property
    def worth(self) -> float:
        """What keeping it saves a byte: its cost, or its tokens where the cost isn't known, as often as it was asked for."""
        entry = self.entry
        saves = entry.input_tokens + 4 * entry.output_tokens if entry.cost_nusd is None else entry.cost_nusd
        return (1 + saves) * (1 + self.hits) / entry.size_bytes


class MemoryStore:
    """Owner of the entries of one replica, at most `total_bytes` of them, in the order in which they were last asked for."""

    def __init__(self, total_bytes: int) -> None:
        self._total_bytes = total_bytes
        self._held: OrderedDict[bytes, _Held] = OrderedDict()
        self._size_bytes = 0

    def __repr__(self) -> str:
        return f"<MemoryStore {len(self._held)} entries, {self._size_bytes} of {self._total_bytes} bytes>"

    async def find(self, key: bytes) -> Entry | None:
        """See `CacheStore.find`."""
        return self.find_now(key)

    def find_now(self, key: bytes) -> Entry | None:
        """The same without waiting."""
        held = self._held.get(key)
        if held is None:
            return None
        held.hits += 1
        self._held.move_to_end(key)
        return held.entry

    def put(self, entry: Entry) -> None:
        """See `CacheStore.put`; an entry larger than the whole store isn't kept."""
        self.drop(entry.key)
        if entry.size_bytes > self._total_bytes:
            return
        while self._size_bytes + entry.size_bytes > self._total_bytes:
            self._evict()
        self._held[entry.key] = _Held(entry)
        self._size_bytes += entry.size_bytes

    def drop(self, key: bytes) -> None:
        """See `CacheStore.drop`."""
        held = self._held.pop(key, None)
        if held is not None:
            self._size_bytes -= held.entry.size_bytes

    async def settle(self) -> None:
        """See `CacheStore.settle`; there's nothing to wait for."""

    def fill(self) -> Fill:
        """See `CacheStore.fill`."""
        return Fill(len(self._held), self._size_bytes)

    async def close(self) -> None:
        """See `CacheStore.close`."""

    def _evict(self) -> None:
        key, _ = min(islice(self._held.items(), CHOICE), key=lambda item: item[1].worth)
        self.drop(key)
