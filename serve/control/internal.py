"""The routes that routers use: rows in, news out."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from turnout.models.errors import BadRequest, NotFound, TurnoutError
from turnout.models.exchange import JSON_HEADERS, Headers, Out, RequestHead
from turnout.models.ledger import Journal
from turnout.router.money.lease import Ask
from turnout.serve.control.bell import Bell
from turnout.serve.control.money.treasury import Treasury
from turnout.serve.control.report import POLL_S, RouterReport, WatchAnswer
from turnout.serve.control.roster import Roster
from turnout.serve.control.settings import SettingsBook
from turnout.serve.control.store import LedgerStore

MSGPACK: Headers = ((b"content-type", b"application/msgpack"),)
JOURNAL = "/internal/journal"
WATCH = "/internal/watch"
LEASE = "/internal/lease"

T = TypeVar("T")

_journals = msgspec.msgpack.Decoder(Journal)
_reports = msgspec.msgpack.Decoder(RouterReport)
_asks = msgspec.msgpack.Decoder(Ask)


class NewsSource(Protocol):
    """A part of Control that has something to tell routers; it rings the bell when that changes."""

    def add_news(self, answer: WatchAnswer, report: RouterReport) -> WatchAnswer:
        """The answer with a field of its own filled, if there's something that the router doesn't have by its report."""
        ...


class InternalRoutes:
    """A Handler; whoever may reach it is checked in front of it."""

    def __init__(
        self,
        ledger: LedgerStore,
        book: SettingsBook,
        roster: Roster,
        bell: Bell,
        *,
        sources: Sequence[NewsSource] = (),
        poll_s: float = POLL_S,
        treasury: Treasury | None = None,
    ) -> None:
        """
        Args:
            bell: rung whenever the book or a source has news.
            sources: what is told beside settings and overlay.
            poll_s: how long a report is held back when there's no news.
            treasury: where routers lease money.
        """
        self._ledger = ledger
        self._bell = bell
        self._sources = tuple(sources)
        self._book = book
        self._roster = roster
        self._poll_s = poll_s
        self._treasury = treasury
        self._routes: dict[bytes, Callable[[bytes, Out], Awaitable[None]]] = {
            JOURNAL.encode(): self._journal,
            WATCH.encode(): self._watch,
            LEASE.encode(): self._lease,
        }

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        """Answer one request."""
        try:
            route = self._routes.get(head.path)
            if route is None or head.method != b"POST":
                raise NotFound("Control has POST /internal/journal, /internal/lease and /internal/watch")
            await route(body, out)
        except TurnoutError as error:
            out.full(error.status, JSON_HEADERS, error.to_json())

    async def _journal(self, body: bytes, out: Out) -> None:
        await self._ledger.append(_decode(_journals, body))
        out.full(204, (), b"")

    async def _lease(self, body: bytes, out: Out) -> None:
        if self._treasury is None:
            raise NotFound("this Control has no budgets")
        grants = await self._treasury.renew(_decode(_asks, body))
        out.full(200, MSGPACK, msgspec.msgpack.encode(grants))

    async def _watch(self, body: bytes, out: Out) -> None:
        report = _decode(_reports, body)
        self._roster.renew(report)
        if report.accepted is not None:
            await self._book.accept(report.accepted, report.router)
        answer = self._answer(report)
        if answer == _NO_NEWS:
            await self._bell.wait_until(lambda: self._answer(report) != _NO_NEWS, self._poll_s)
            self._roster.extend(report.router)
            answer = self._answer(report)
        out.full(200, MSGPACK, msgspec.msgpack.encode(answer))

    def _answer(self, report: RouterReport) -> WatchAnswer:
        overlay, accepted = self._book.overlay, self._book.accepted
        answer = WatchAnswer(
            overlay=overlay if overlay.version != report.have_version else None,
            accepted=accepted.document if accepted and not report.config else None,
            wants_config=accepted is None and bool(report.config),
        )
        for source in self._sources:
            answer = source.add_news(answer, report)
        return answer


_NO_NEWS = WatchAnswer(overlay=None, accepted=None, wants_config=False)


def _decode(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.DecodeError as error:
        raise BadRequest(f"not what this version of Control understands: {error}") from error
