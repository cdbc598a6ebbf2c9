"""The copies of one router's rows that are still on their way to Control."""

import asyncio
import logging
import os
import stat
from collections import deque
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec

from turnout.models.ledger import AuditEvent, LedgerEntry
from turnout.router.spool.segment import SEGMENT_BYTES, Segment

ENTRY, EVENT = b"e", b"a"
"""What a record begins with; the row follows in msgpack."""

SUFFIX = ".spool"

RETRY_S = 1.0
"""Between two looks for room where there was none."""

_encode = msgspec.msgpack.Encoder().encode
_log = logging.getLogger("turnout.spool")


class _Lot:
    """Rows of one segment, or of none, that Control hasn't acknowledged."""

    __slots__ = ("entries", "events", "segment")

    def __init__(self, segment: Segment | None) -> None:
        self.segment = segment
        self.entries = self.events = 0


class Spool:
    """
    Owner of a router's segments, on one event loop; bounded by `most_bytes`.

    A row that finds no room isn't spooled and nothing fails: it's in the router's memory anyhow. Rows are forgotten in the order in which they were
    put, entries and events each by themselves; a segment whose rows are all forgotten is written anew.
    """

    def __init__(
        self,
        folder: Path,
        ledger: str,
        router: str,
        most_bytes: int,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        make: Callable[[Path, int], Segment] = Segment.create,
    ) -> None:
        """
        Args:
            folder: of all spools on this machine; made if it isn't there.
            ledger: id of the ledger that the rows are for: nobody sends them to another.
            router: who writes, and holds the money that the rows cost.
            make: raises OSError where there's no room.
        """
        self._folder = folder
        self._stem = f"{_escape(ledger)}.{_escape(router)}"
        self._most_bytes = most_bytes
        self._segment_bytes = segment_bytes
        self._make = make
        self._lots = deque([_Lot(None)])
        self._spares: list[Segment] = []
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._made = 0
        self._segments = 0
        self._has_warned = False
        self.unspooled = 0

    def __repr__(self) -> str:
        return f"<Spool {self._stem} {self._segments} segments, {self.unspooled} rows unspooled>"

    def put_entry(self, entry: LedgerEntry) -> None:
        """Keep a copy of a ledger row."""
        self._write(ENTRY + _encode(entry))
        self._lots[-1].entries += 1

    def put_event(self, event: AuditEvent) -> None:
        """Keep a copy of an audit event."""
        self._write(EVENT + _encode(event))
        self._lots[-1].events += 1

    def forget(self, entries: int, events: int) -> None:
        """Hear that the oldest rows, so many of each kind, are safe or given up."""
        for lot in self._lots:
            gone = min(entries, lot.entries)
            lot.entries -= gone
            entries -= gone
            gone = min(events, lot.events)
            lot.events -= gone
            events -= gone
            if not (entries or events):
                break
        while len(self._lots) > 1 and not (self._lots[0].entries or self._lots[0].events):
            segment = self._lots.popleft().segment
            if segment is not None:
                self._recycle(segment)

    async def run(self) -> None:
        """Have a segment ready before it's needed, until it's cancelled; away from the requests, as making one takes the disk's time."""
        while True:
            await self._wanted.wait()
            if await self.try_extend():
                self._wanted.clear()
            else:
                await asyncio.sleep(RETRY_S)

    async def try_extend(self) -> bool:
        """Make a segment if none is ready; False where there's no room for one, which is said once."""
        if self._spares:
            return True
        if (self._segments + 1) * self._segment_bytes > self._most_bytes:
            self._warn("max_bytes is reached")
            return False
        self._made += 1
        path = self._folder / f"{self._stem}.{self._made}{SUFFIX}"
        try:
            await asyncio.to_thread(make_private, self._folder)
            segment = await asyncio.to_thread(self._make, path, self._segment_bytes)
        except OSError as error:
            self._warn(error.strerror or str(error))
            return False
        self._has_warned = False
        self._segments += 1
        self._spares.append(segment)
        return True

    def close(self) -> None:
        """Let go of the files; those with rows that Control hasn't are left to whoever sweeps."""
        for lot in self._lots:
            if lot.segment is not None:
                lot.segment.close(keeps=bool(lot.entries or lot.events))
        for segment in self._spares:
            segment.close(keeps=False)
        self._lots, self._spares, self._segments = deque([_Lot(None)]), [], 0

    def _warn(self, why: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            _log.warning(
                "no more room in %s: rows beyond it wait for Control in memory only, and are lost if this router is killed: %s",
                self._folder,
                why,
            )

    def _write(self, record: bytes) -> None:
        segment = self._lots[-1].segment
        if segment is None or not segment.try_append(record):
            self._write_elsewhere(record)

    def _write_elsewhere(self, record: bytes) -> None:
        """Into the spare, if there is one."""
        if self._spares:
            segment = self._spares.pop()
            self._wanted.set()
            self._lots.append(_Lot(segment))
            if segment.try_append(record):
                return
        elif self._lots[-1].segment is not None:
            self._lots.append(_Lot(None))
        self.unspooled += 1

    def _recycle(self, segment: Segment) -> None:
        """One stays ready, so that a burst's files don't stay for ever."""
        if self._spares:
            self._segments -= 1
            segment.close(keeps=False)
        else:
            segment.clear()
            self._spares.append(segment)


def list_files(folder: Path, ledger: str) -> list[Path]:
    """All files with rows for a ledger, whoever writes them or wrote them."""
    return sorted(folder.glob(f"{_escape(ledger)}.*{SUFFIX}"))


def read_router(path: Path) -> str:
    """Who wrote a file, by its name."""
    return unquote(path.name.split(".")[1])


def make_private(folder: Path) -> None:
    """Make the folder for its owner only. Raises OSError where it can't be made, is a link, or isn't only ours to write: rows are money."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
        raise PermissionError("it has to be a folder that only this user may write")


def _escape(name: str) -> str:
    """A name without dots, slashes or anything that a pattern of names would take for its own."""
    return quote(name, safe="").replace(".", "%2E")
