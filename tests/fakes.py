"""Stand-ins for the edge, the upstream and time; each does what its protocol promises and remembers what was asked of it."""

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from turnout.models.decision import Decision
from turnout.models.exchange import Headers, Out, RequestHead
from turnout.models.ledger import AuditEvent, Journal, LedgerEntry
from turnout.models.target import Endpoint
from turnout.models.upstream import Failure, Limits, Outcome, UpstreamRequest


@dataclass
class FakeOut:
    """An Out that keeps what it gets."""

    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""
    chunks: list[bytes] = field(default_factory=list)
    is_ended: bool = False
    full_calls: int = 0

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        assert self.status == 0, "an answer was begun twice"
        self.status, self.headers, self.body, self.is_ended = status, dict(headers), body, True
        self.full_calls += 1

    def start(self, status: int, headers: Headers) -> None:
        assert self.status == 0, "an answer was begun twice"
        self.status, self.headers = status, dict(headers)

    def write(self, chunk: bytes) -> "asyncio.Future[None] | None":
        assert self.status, "a body before its head"
        assert not self.is_ended, "a body after its end"
        self.chunks.append(chunk)
        self.body += chunk
        return None

    def end(self) -> None:
        assert not self.is_ended, "ended twice"
        self.is_ended = True


class FakeClock:
    """Loop time and wall clock that only move when told to."""

    def __init__(self, at_s: float = 1000.0) -> None:
        self.at_s = at_s
        self.slept: list[float] = []
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self.at_s

    def wall_ns(self) -> int:
        return int(self.at_s * 1e9)

    def advance(self, seconds: float) -> None:
        """Let time pass; what was due meanwhile is called in its order."""
        until = self.at_s + seconds
        while self._due and self._due[0][0] <= until:
            self.at_s, _, callback = heapq.heappop(self._due)
            callback()
        self.at_s = until

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        heapq.heappush(self._due, (self.at_s + delay, next(self._order), callback))

    async def sleep(self, seconds: float) -> None:
        """Time passes at once."""
        self.slept.append(seconds)
        self.advance(seconds)


Script = Callable[[Endpoint, UpstreamRequest, Out], Awaitable[Outcome]]


class FakeUpstream:
    """An Upstream that plays one script per relay, in order; the last one goes on."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts = list(scripts)
        self.calls: list[tuple[Endpoint, UpstreamRequest, Limits]] = []

    async def relay(self, endpoint: Endpoint, request: UpstreamRequest, out: Out, limits: Limits) -> Outcome:
        self.calls.append((endpoint, request, limits))
        script = self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        return await script(endpoint, request, out)

    async def close(self) -> None:
        return None


def outcome(
    status: int = 200,
    failure: Failure | None = None,
    body: bytes = b"",
    was_sent: bool = True,
    headers: Headers = (),
    is_committed: bool = False,
) -> Outcome:
    """An Outcome with times that don't matter."""
    return Outcome(status, headers, body, failure, "", was_sent, is_committed, 1000.0 if status else None, 1000.5)


def answers(body: bytes, status: int = 200, headers: Headers = ()) -> Script:
    """A whole unary answer."""

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        out.full(status, ((b"content-type", b"application/json"),), body)
        return outcome(status, headers=headers, is_committed=True)

    return play


def streams(*chunks: bytes, failure: Failure | None = None) -> Script:
    """A stream of these pieces, ended or broken by `failure`."""

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        out.start(200, ((b"content-type", b"text/event-stream"),))
        for chunk in chunks:
            out.write(chunk)
        if failure is None:
            out.end()
        return outcome(200, failure, is_committed=True)

    return play


def fails(failure: Failure, was_sent: bool = False) -> Script:
    """A failure on the wire before any answer."""

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        return outcome(0, failure, was_sent=was_sent)

    return play


def refuses(status: int, body: bytes = b"{}", headers: Headers = ()) -> Script:
    """An answer that isn't 2xx."""

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        return outcome(status, body=body, headers=headers)

    return play


def ledger_row(request_id: str, cost_nusd: int | None, *budgets: str) -> LedgerEntry:
    """A row of one good attempt that cost so much and counts against these budgets."""
    return LedgerEntry(
        request_id, 1, 0, "t", "k", "m", "x", "e", 200, "", 1, 1, 0, 0, "provider", cost_nusd, None, 5, False, "", budgets
    )  # fmt: skip


class FakeSink:
    """Keeps ledger rows and audit events."""

    def __init__(self) -> None:
        self.entries: list[LedgerEntry] = []
        self.events: list[AuditEvent] = []
        self.decisions: list[Decision] = []

    def put_entry(self, entry: LedgerEntry) -> None:
        self.entries.append(entry)

    def put_event(self, event: AuditEvent) -> None:
        self.events.append(event)

    def put_decision(self, decision: Decision) -> None:
        self.decisions.append(decision)


class FakePost:
    """A Post that fails with the errors given, one a call, and then keeps every batch."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.journals: list[Journal] = []
        self.posted = asyncio.Event()

    async def post_journal(self, journal: Journal) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.journals.append(journal)
        self.posted.set()


def head(path: bytes = b"/v1/chat/completions", method: bytes = b"POST", **headers: str) -> RequestHead:
    """A request head; header names are written with underscores."""
    lines = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return RequestHead(method, path, b"", lines, "127.0.0.1")


def endpoints(*ids: str) -> Sequence[Endpoint]:
    """One endpoint an id."""
    return tuple(Endpoint(each, "127.0.0.1", 9000 + number) for number, each in enumerate(ids))
