"""Sends what routers left in their spools that were killed: whichever router of the same node looks first."""

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

import msgspec

from turnout.models.errors import TurnoutError
from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.router.outbox import Post
from turnout.router.spool.segment import Orphan
from turnout.router.spool.spool import ENTRY, EVENT, list_files, read_router

BATCH = 2000
SWEEP_S = 2.0
"""Between two looks. Control takes back what a router holds that's gone for 30 s; by then its rows have come, and settled what was held for them."""

_entries = msgspec.msgpack.Decoder(LedgerEntry)
_events = msgspec.msgpack.Decoder(AuditEvent)
_log = logging.getLogger("turnout.spool")


class Sweeper:
    """
    Looks for segments of one ledger that nobody writes any more, and sends their rows in the name of the router that wrote them.

    Most of them Control has already: a row that comes twice is kept once. A file is removed when Control has all of it, and stays while Control is
    away.
    """

    def __init__(self, folder: Path, ledger: str, post: Post) -> None:
        self._folder = folder
        self._ledger = ledger
        self._post = post

    def __repr__(self) -> str:
        return f"Sweeper({str(self._folder)!r}, {self._ledger!r})"

    async def run(self) -> None:
        """Sweep every `SWEEP_S`, until it's cancelled."""
        while True:
            try:
                await self.sweep()
            except (TurnoutError, OSError) as error:
                _log.warning("rows of a router that was killed are still in %s: %s", self._folder, error)
            await asyncio.sleep(SWEEP_S)

    async def sweep(self) -> int:
        """
        Send what orphans hold; how many rows that were.

        Raises:
            TurnoutError: Control can't take rows now; the files stay.
            OSError: a file can't be read.
        """
        sent = 0
        for path in await asyncio.to_thread(list_files, self._folder, self._ledger):
            orphan = await asyncio.to_thread(Orphan.find, path)
            if orphan is not None:
                with orphan:
                    sent += await self._send(orphan)
                    orphan.remove()
        return sent

    async def _send(self, orphan: Orphan) -> int:
        router = read_router(orphan.path)
        entries, events = await asyncio.to_thread(read_rows, orphan.records)
        if len(entries) + len(events) < len(orphan.records):
            _log.error("%d records of %s can't be read", len(orphan.records) - len(entries) - len(events), orphan.path)
        for at in range(0, max(len(entries), len(events)), BATCH):
            journal = Journal(tuple(entries[at : at + BATCH]), tuple(events[at : at + BATCH]), router)
            try:
                await self._post.post_journal(journal)
            except TurnoutError as error:
                if error.is_retryable:
                    raise
                _log.error(
                    "Control will never take %d rows of %s, which are dropped: %s", len(journal.entries), router, error
                )
        if entries or events:
            _log.warning("sent %d rows and %d events that %s had left in its spool", len(entries), len(events), router)
        return len(entries) + len(events)


def read_rows(records: Sequence[bytes]) -> tuple[list[LedgerEntry], list[AuditEvent]]:
    """The rows of records; one that another version wrote in another shape is left out."""
    entries: list[LedgerEntry] = []
    events: list[AuditEvent] = []
    for record in records:
        kind, row = record[:1], memoryview(record)[1:]
        try:
            if kind == ENTRY:
                entries.append(_entries.decode(row))
            elif kind == EVENT:
                events.append(_events.decode(row))
        except msgspec.DecodeError:
            continue
    return entries, events
