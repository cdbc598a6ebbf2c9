"""Asks all routers for the decisions of one request, over the reports that they send anyway."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

import msgspec

from turnout.models.decision import Decision
from turnout.models.errors import NoTarget
from turnout.serve.control.bell import Bell
from turnout.serve.control.report import RouterReport, WatchAnswer
from turnout.serve.control.roster import Roster

WITHIN_S = 2.0
"""Longest wait for routers; one that reports answers within milliseconds."""

MOST_AT_ONCE = 32
"""Inquiries under way; more are refused, so that no report becomes large."""


class Inquiry:
    """One request that is asked for; `done` when a router knows it, or all that live have said that they don't."""

    def __init__(self, routers: frozenset[str]) -> None:
        self.silent = set(routers)
        self.found: tuple[Decision, ...] = ()
        self.done = asyncio.Event()
        if not routers:
            self.done.set()

    def hear(self, router: str, found: tuple[Decision, ...]) -> None:
        """Take in what a router knows."""
        self.silent.discard(router)
        if found:
            self.found = found
        if found or not self.silent:
            self.done.set()


class Inquiries:
    """Owner of those that are under way, on one event loop; a NewsSource: what it has to tell routers is what it wants of them."""

    def __init__(self, roster: Roster, bell: Bell, within_s: float = WITHIN_S) -> None:
        self._roster = roster
        self._bell = bell
        self._within_s = within_s
        self._open: dict[str, Inquiry] = {}

    def __repr__(self) -> str:
        return f"Inquiries({len(self._open)} under way)"

    def add_news(self, answer: WatchAnswer, report: RouterReport) -> WatchAnswer:
        """See `NewsSource`; what the report has found is taken in."""
        for told in report.found:
            inquiry = self._open.get(told.asked)
            if inquiry is not None:
                inquiry.hear(report.router, told.decisions)
        if not self._open:
            return answer
        wanted = tuple(asked for asked, inquiry in self._open.items() if report.router in inquiry.silent)
        return msgspec.structs.replace(answer, wants_decisions=wanted) if wanted else answer

    async def ask(self, request_id: str) -> tuple[Decision, ...]:
        """
        The decisions of a request from the router that made them; () if no router that lives knows it.

        Raises:
            NoTarget: too many are asked for at once, or some router didn't answer in time, and might know.
        """
        with self._opened(request_id) as inquiry:
            try:
                async with asyncio.timeout(self._within_s):
                    await inquiry.done.wait()
            except TimeoutError:
                raise NoTarget(
                    f"these routers don't answer: {', '.join(sorted(inquiry.silent))}; ask again in a moment", None, 1.0
                ) from None
            return inquiry.found

    @contextmanager
    def _opened(self, request_id: str) -> Generator[Inquiry]:
        """The inquiry for a block; two that ask for the same share one."""
        inquiry = self._open.get(request_id)
        if inquiry is not None:
            yield inquiry
            return
        if len(self._open) >= MOST_AT_ONCE:
            raise NoTarget(f"{MOST_AT_ONCE} requests are being explained; ask again in a moment", None, 1.0)
        inquiry = Inquiry(frozenset(member.report.router for member in self._roster.live()))
        self._open[request_id] = inquiry
        self._bell.ring()
        try:
            yield inquiry
        finally:
            del self._open[request_id]
