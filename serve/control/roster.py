"""Which routers are alive, and what each has acknowledged."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from turnout.serve.control.report import LEASE_S, RouterReport

REACH_S = 5.0
"""Longest that a change waits for routers that report and don't acknowledge. Leases end long before."""


@dataclass(frozen=True, slots=True)
class Member:
    """
    One router.

    Attributes:
        report: its last.
        lease_until: monotonic seconds.
    """

    report: RouterReport
    lease_until: float


@dataclass(frozen=True, slots=True)
class Reach:
    """
    How far a change came.

    Attributes:
        acknowledged: routers that apply it.
        lease_ended: routers that stopped reporting before they said so; one that's alive after all gets the change when it reports again.
        late: routers that report but didn't apply it in time; their logs and `rejected` say why.
    """

    acknowledged: tuple[str, ...] = ()
    lease_ended: tuple[str, ...] = ()
    late: tuple[str, ...] = ()


def overlay_version(report: RouterReport) -> int:
    """The overlay that a router applies."""
    return report.have_version


def directory_version(report: RouterReport) -> int:
    """The directory that a router goes by."""
    return report.have_directory


class Roster:
    """Owner of the members, on one event loop. Bounded: a member is forgotten `keep_s` after its lease."""

    def __init__(self, clock: Callable[[], float], lease_s: float = LEASE_S, keep_s: float = 60.0) -> None:
        self._clock = clock
        self._lease_s = lease_s
        self._keep_s = keep_s
        self._members: dict[str, Member] = {}
        self._moved = asyncio.Event()

    def __repr__(self) -> str:
        return f"Roster(live={[member.report.router for member in self.live()]})"

    def live(self) -> list[Member]:
        """Members whose lease hasn't ended."""
        now = self._clock()
        return [member for member in self._members.values() if member.lease_until > now]

    def renew(self, report: RouterReport) -> None:
        """Take a report in: its lease begins anew, and what it acknowledges is told to whoever waits for that."""
        now = self._clock()
        self._members = {
            name: member for name, member in self._members.items() if member.lease_until + self._keep_s > now
        }
        self._members[report.router] = Member(report, now + self._lease_s)
        self._moved.set()
        self._moved = asyncio.Event()

    def extend(self, router: str) -> None:
        """Renew a lease as of now, for the time that an answer was held back."""
        member = self._members.get(router)
        if member is not None:
            self._members[router] = Member(member.report, self._clock() + self._lease_s)

    async def wait_for(
        self, version: int, within_s: float, have: Callable[[RouterReport], int] = overlay_version
    ) -> Reach:
        """Waits until every router that lives now has acknowledged `version` of what `have` reads, or its lease has ended; at most `within_s`."""
        waiting = {member.report.router for member in self.live()}
        ends_at = self._clock() + within_s
        acknowledged, lease_ended = set[str](), set[str]()
        while True:
            moved, now = self._moved, self._clock()
            for router in waiting:
                member = self._members.get(router)
                if member is not None and have(member.report) >= version:
                    acknowledged.add(router)
                elif member is None or member.lease_until <= now:
                    lease_ended.add(router)
            waiting -= acknowledged | lease_ended
            if not waiting or now >= ends_at:
                return Reach(tuple(sorted(acknowledged)), tuple(sorted(lease_ended)), tuple(sorted(waiting)))
            until = min(ends_at, *(self._members[router].lease_until for router in waiting))
            await _wait(moved, until - now)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
