"""Keeps answers in a file that all router replicas of a node share, and that outlives them."""

import asyncio
import contextlib
import logging
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

from turnout.router.cache.entry import Entry, find_entry, pack
from turnout.router.cache.stores.store import Fill

BATCH: Final = 256
"""Most changes of one transaction: it's over in milliseconds."""
WAITING: Final = 4096
"""Most changes that wait; an answer beyond them isn't kept."""
REST_S: Final = 10.0
"""How long a file that failed isn't asked."""
BUSY_S: Final = 2.0
CHECK_EVERY: Final = 64
"""Changes after which the file is measured against its bound."""
_VERSION: Final = 1

_SCHEMA = """
create table if not exists answers (
    key blob primary key, packed blob not null, size_bytes integer not null, saves integer not null, stale_until_s real not null
);
create index if not exists answers_by_end on answers (stale_until_s);
"""
_PUT = "insert or replace into answers values (?, ?, ?, ?, ?)"
_log = logging.getLogger("turnout.cache")

_Change = tuple[bytes, Entry | None]


class SqliteStore:
    """
    Owner of one connection that reads, and of a thread with one that writes.

    A look-up reads on the event loop: some 15 µs, and readers of a WAL don't wait for writers. Writes go in batches. The journal outlives a process
    that is killed at any moment; what isn't whole by its checksum, after a crash of the machine say, isn't found.
    """

    def __init__(self, path: Path, total_bytes: int, now: Callable[[], float], wall_s: Callable[[], float]) -> None:
        """
        Open the file, or make it.

        Args:
            path: of the file; another version's is begun anew, as it's only a cache.
            total_bytes: of entries; what ends soonest and saves least goes first.
            now: monotonic, for rests.
            wall_s: unix time, for what has ended.

        Raises:
            OSError: the folder can't be written to.
            sqlite3.Error: the file is no database, or is in use in a way that isn't ours.
        """
        self._path = path
        self._total_bytes = total_bytes
        self._now = now
        self._wall_s = wall_s
        self._rests_until = 0.0
        self._fill = Fill(0, 0)
        self._changes: queue.Queue[_Change | threading.Event | None] = queue.Queue(WAITING)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._writes = _connect(path)
        _prepare(self._writes)
        self._reads = _connect(path)
        self._reads.execute("pragma query_only = on")
        self._thread = threading.Thread(target=self._run, name="write cache", daemon=True)
        self._thread.start()

    def __repr__(self) -> str:
        return f"<SqliteStore {self._path.name} {self._fill.entries} entries, {self._changes.qsize()} changes waiting>"

    async def find(self, key: bytes) -> Entry | None:
        """See `CacheStore.find`."""
        if self._now() < self._rests_until:
            return None
        try:
            row = self._reads.execute("select packed from answers where key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            self._rest(error)
            return None
        return None if row is None else find_entry(key, row[0])

    def put(self, entry: Entry) -> None:
        """See `CacheStore.put`."""
        self._offer((entry.key, entry))

    def drop(self, key: bytes) -> None:
        """See `CacheStore.drop`."""
        self._offer((key, None))

    async def settle(self) -> None:
        """See `CacheStore.settle`."""
        done = threading.Event()
        await asyncio.to_thread(self._changes.put, done)
        await asyncio.to_thread(done.wait)

    def fill(self) -> Fill:
        """See `CacheStore.fill`; as of the last time that the file was measured."""
        return self._fill

    async def close(self) -> None:
        """See `CacheStore.close`."""
        await asyncio.to_thread(self._changes.put, None)
        await asyncio.to_thread(self._thread.join)
        self._reads.close()
        self._writes.close()

    def _offer(self, change: _Change) -> None:
        if self._now() >= self._rests_until:
            with contextlib.suppress(queue.Full):
                self._changes.put_nowait(change)

    def _rest(self, error: sqlite3.Error) -> None:
        self._rests_until = self._now() + REST_S
        _log.warning("the cache's file isn't asked for %d s: %s", REST_S, error)

    def _run(self) -> None:
        """On the thread: take what waits, write it in one transaction, measure now and then."""
        since_check = CHECK_EVERY
        while True:
            batch = self._take_batch()
            changes = [each for each in batch if isinstance(each, tuple)]
            try:
                self._write(changes)
                since_check += len(changes)
                if since_check >= CHECK_EVERY:
                    since_check = 0
                    self._keep_within_bound()
            except sqlite3.Error as error:
                self._rest(error)
            for each in batch:
                if isinstance(each, threading.Event):
                    each.set()
            if None in batch:
                return

    def _take_batch(self) -> list[_Change | threading.Event | None]:
        batch = [self._changes.get()]
        with contextlib.suppress(queue.Empty):
            while len(batch) < BATCH:
                batch.append(self._changes.get_nowait())
        return batch

    def _write(self, changes: list[_Change]) -> None:
        if not changes:
            return
        with self._writes:
            for key, entry in changes:
                if entry is None:
                    self._writes.execute("delete from answers where key = ?", (key,))
                else:
                    saves = entry.cost_nusd or entry.input_tokens + 4 * entry.output_tokens
                    self._writes.execute(_PUT, (key, pack(entry), entry.size_bytes, saves, entry.stale_until_s))

    def _keep_within_bound(self) -> None:
        """Forget what has ended; then, a tenth at a time, what saves least a byte among the older half."""
        with self._writes:
            self._writes.execute("delete from answers where stale_until_s < ?", (self._wall_s(),))
            self._measure()
            while self._fill.size_bytes > self._total_bytes:
                self._writes.execute(
                    "delete from answers where key in (select key from (select key, saves, size_bytes from answers"
                    " order by stale_until_s limit ?) order by cast(saves as real) / size_bytes limit ?)",
                    (1 + self._fill.entries // 2, 1 + self._fill.entries // 10),
                )
                self._measure()

    def _measure(self) -> None:
        entries, size_bytes = self._writes.execute(
            "select count(*), coalesce(sum(size_bytes), 0) from answers"
        ).fetchone()
        self._fill = Fill(entries, size_bytes)


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_S, check_same_thread=False)
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")
    return connection


def _prepare(connection: sqlite3.Connection) -> None:
    """The table; another version's is dropped first."""
    (version,) = connection.execute("pragma user_version").fetchone()
    with connection:
        if version not in (0, _VERSION):
            connection.execute("drop table if exists answers")
        connection.executescript(_SCHEMA)
        connection.execute(f"pragma user_version = {_VERSION}")
