"""Splits every limit over the routers that live, so that together they never let in more than one would."""

import math
from collections.abc import Callable

import msgspec

from turnout.router.limit.share import EMPTY, ENDED, FOR_EVER, FULL, NOTHING, WHOLE, Lease, Levels, Share
from turnout.serve.control.bell import Bell
from turnout.serve.control.counters.pot import Offer, Pot, Standing
from turnout.serve.control.report import RouterReport, WatchAnswer

GONE_S = 5.0
"""A router that hasn't reported for so long has lost its share."""

START_S = 2.0
"""So long after Control's start, routers that live already have said what they have; before that, nothing is given."""

_UNHEARD = ""
"""Stands for the routers that haven't reported to this Control yet."""

_RENEWED_S = 2.0
"""A router is told of a lease again when it has got so much longer."""

_ROUNDING = 1e-9


class Shares:
    """
    Owns who has which share of this cluster's part of all limits, and what nobody has. A NewsSource.

    The part is the whole, unless other clusters share the limits: then it's what `take` was told last, for as long as its lease lasts.
    """

    def __init__(self, clock: Callable[[], float], bell: Bell, *, has_whole: bool = True) -> None:
        """
        Args:
            clock: monotonic seconds.
            bell: rung when somebody may get more.
            has_whole: whether no other cluster shares these limits; otherwise nothing is given until `take` says what there is.
        """
        self._clock = clock
        self._bell = bell
        self._has_whole = has_whole
        self._opens_at = clock() + START_S
        self._is_open = False
        self._pot = Pot(owned=0.0, goal=NOTHING)
        self._seats = NOTHING
        self._given_up: Levels | None = None
        self._lease_until = math.inf
        self._then = 1.0
        self._last: dict[str, tuple[RouterReport, RouterReport | None]] = {}

    def __repr__(self) -> str:
        parts = {name: stake.held.part for name, stake in self._pot.stakes.items()}
        return f"<Shares {parts} of {self._pot.owned:g}>"

    def add_news(self, answer: WatchAnswer, report: RouterReport) -> WatchAnswer:
        """The answer with this router's share, if it's another one than it has, and with a new lease of it, if it's to have one."""
        now, pot = self._clock(), self._pot
        before = (len(pot.stakes), pot.held)
        self._note(report, now)
        self._forget_gone(now)
        if (len(pot.stakes), pot.held) != before:
            self._bell.ring()
        self._open(now)
        self._check_lease(now)
        if report.router not in pot.stakes:
            return answer
        offer = pot.offer(report.router) if self._is_open else None
        if offer is not None:
            answer = msgspec.structs.replace(answer, limit_share=offer.share, limit_levels=offer.levels)
        return self._add_lease(answer, report, now)

    def standing(self, had: Share, *, until: float) -> Standing | None:
        """
        What this cluster has, for other clusters to know; None until its routers have said what they have.

        Args:
            had: what the others think that it has: after a start, routers that haven't been heard of may be using what nobody else has of that.
            until: clock time at which these would have cut their shares at the latest.
        """
        now, pot = self._clock(), self._pot
        self._forget_gone(now)
        self._check_lease(now)
        if now < self._opens_at:
            return None
        if not self._is_open and _UNHEARD not in pot.stakes and had.part > pot.held + _ROUNDING:
            pot.note(_UNHEARD, Standing(Share(had.part - pot.held, had.start, had.end)), until)
        pot.owned = max(pot.owned, pot.held) if self._is_open else pot.held
        if not self._is_open:
            self._seats = _hull([stake.held for stake in pot.stakes.values()])
        elif pot.span <= pot.goal.span + _ROUNDING:
            self._seats = pot.goal
        if self._given_up is None:
            self._given_up = pot.give_back()
        return Standing(Share(pot.owned, self._seats.start, self._seats.end), self._given_up)

    def take(self, offer: Offer | None, standing: Standing, *, until: float, then: float) -> None:
        """
        Go on with what the clusters have agreed on.

        Args:
            offer: what is to be had from now on; None for what `standing` says.
            standing: what was said of this cluster, and heard.
            until: clock time at which the lease ends.
            then: what may be kept of it after that, of every rate, from 0 to 1.
        """
        pot = self._pot
        self._given_up = None
        self._is_open = True
        pot.goal = standing.share if offer is None else offer.share
        if pot.owned < standing.share.part:  # the lease ended before this answer came: what was cut is to be had again
            pot.gain(standing.share.part - pot.owned, EMPTY)
        if offer is not None and offer.share.part > pot.owned:
            pot.gain(offer.share.part - pot.owned, offer.levels)
        self._lease_until = until
        self._then = min(1.0, then / pot.owned) if pot.owned else 0.0
        self._bell.ring()

    def lapse(self, *, keeps: bool) -> None:
        """
        The other clusters have taken over what this one had, as its lease has ended: its routers have cut their shares by themselves.

        Args:
            keeps: whether they have something left.
        """
        self._pot.stakes.pop(_UNHEARD, None)
        self._cut(self._then if keeps else 0.0)

    @property
    def is_unused(self) -> bool:
        """Whether no router has anything."""
        return not self._pot.held

    @property
    def free_levels(self) -> Levels:
        """How full what no router has is."""
        return self._pot.free_levels

    def _note(self, report: RouterReport, now: float) -> None:
        """Take in a report that is new; a poll that is still held back for an older one has nothing new to say."""
        name, (last, before) = report.router, self._last.get(report.router, (None, None))
        if report is last or report is before:
            return
        if report.limit_share == NOTHING and report.limit_levels is not None:
            self._last.pop(name, None)
            self._pot.leave(name, report.limit_levels)
            return
        self._last[name] = (report, last)
        said = Standing(report.limit_share, report.limit_levels)
        lease_s = report.limit_lease_s if report.limit_lease_s < math.inf else 0.0
        self._pot.note(name, said, now + max(GONE_S, lease_s))

    def _forget_gone(self, now: float) -> None:
        # A lone cluster without a router begins to count anew, as it does when all routers restart.
        self._pot.expire(now, FULL if self._has_whole else EMPTY)
        if len(self._last) != len(self._pot.stakes):
            self._last = {name: reports for name, reports in self._last.items() if name in self._pot.stakes}

    def _open(self, now: float) -> None:
        """Once all that live have reported: what none of them has is free. It's full if none has anything, as nobody can have used it."""
        if self._is_open or not self._has_whole or now < self._opens_at:
            return
        self._is_open = True
        self._pot.goal, self._pot.owned = WHOLE, WHOLE.part
        self._pot.free_levels = EMPTY if self._pot.held else FULL
        self._bell.ring()

    def _check_lease(self, now: float) -> None:
        """After the end of the lease, routers have cut their shares by themselves."""
        if now >= self._lease_until:
            self._cut(self._then)

    def _cut(self, factor: float) -> None:
        self._pot.scale(factor)
        self._given_up, self._lease_until, self._then = None, math.inf, 1.0

    def _add_lease(self, answer: WatchAnswer, report: RouterReport, now: float) -> WatchAnswer:
        """Also a router that gets nothing hears that there are leases, so that it doesn't take the whole when it's left alone."""
        lease = self._lease(now)
        is_new = math.isinf(lease.for_s) != math.isinf(report.limit_lease_s)
        if answer.limit_share is None and not is_new and lease.for_s <= report.limit_lease_s + _RENEWED_S:
            return answer
        if not self._has_whole:
            self._pot.extend(report.router, now + lease.for_s)
        return msgspec.structs.replace(answer, limit_lease=lease)

    def _lease(self, now: float) -> Lease:
        if self._has_whole:
            return FOR_EVER
        return ENDED if math.isinf(self._lease_until) else Lease(self._lease_until - now, self._then)


def _hull(shares: list[Share]) -> Share:
    """The least that has all of these seats."""
    held = [share for share in shares if share.span]
    if not held:
        return NOTHING
    return Share(0.0, min(share.start for share in held), max(share.end for share in held))
