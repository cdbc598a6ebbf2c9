"""Opens a router's cache as its settings say, keeps its page of purges up to date, and closes it."""

import sqlite3
import time
from collections.abc import Callable, Mapping

from turnout.router.account import LedgerSink
from turnout.router.cache.entry import Entry
from turnout.router.cache.epochs import EpochPage
from turnout.router.cache.exact import ExactCache
from turnout.router.cache.stores.layered import LayeredStore
from turnout.router.cache.stores.memory import MemoryStore
from turnout.router.cache.stores.sqlite import SqliteStore
from turnout.router.cache.stores.store import CacheStore
from turnout.router.cache.tally import CacheTally
from turnout.serve.config.cache import CacheStoreSettings
from turnout.serve.config.secret import ConfigError

ANSWERS, PAGE = "answers.db", "purges.page"


class Caching:
    """
    Owner of the store and the page.

    Attributes:
        cache: for the gateway.
        tally: for `/metrics` and for Control.
    """

    def __init__(self, settings: CacheStoreSettings, sink: LedgerSink) -> None:
        """
        Open both; has to be called on the loop.

        Raises:
            ConfigError: the folder can't be used.
        """
        try:
            self._page = EpochPage(None if settings.folder is None else settings.folder / PAGE)
            self._store = _open_store(settings, self._is_fresh)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"args.cache.folder {str(settings.folder)!r} can't be used: {error}") from error
        self.tally = CacheTally(self._store.fill)
        self.cache = ExactCache(self._store, self._page, self.tally, sink, now=time.monotonic, wall_s=time.time)

    def __repr__(self) -> str:
        return f"Caching({self.cache!r})"

    def take(self, purges: Mapping[int, int]) -> None:
        """Make void what an administrator has purged; when it returns, nothing of it is given here any more."""
        self._page.take(purges)

    async def close(self) -> None:
        """Write what waits, and let go of the files."""
        await self._store.close()
        self._page.close()

    def _is_fresh(self, entry: Entry) -> bool:
        return time.time() < entry.fresh_until_s and self.cache.is_usable(entry)


def _open_store(settings: CacheStoreSettings, is_fresh: Callable[[Entry], bool]) -> CacheStore:
    memory = MemoryStore(settings.memory_bytes)
    if settings.folder is None:
        return memory
    file = SqliteStore(settings.folder / ANSWERS, settings.file_bytes, time.monotonic, time.time)
    return LayeredStore(memory, file, is_fresh)
