"""Splits every limit over the routers that live, so that together they never let in more than one would."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from turnout.router.limit.share import EMPTY, FULL, NOTHING, Levels, Share, blend
from turnout.serve.control.bell import Bell
from turnout.serve.control.report import RouterReport, WatchAnswer

GONE_S = 5.0
"""A router that hasn't reported for so long has lost its share."""

START_S = 2.0
"""So long after Control's start, routers that live already have said what they have; before that, nothing is given."""

_ROUNDING = 1e-9


@dataclass(slots=True)
class Holder:
    """
    One router.

    Attributes:
        report: its last; a share in it is acknowledged.
        seen_at: monotonic seconds.
        before: the report before that: a poll that is still held back for it has nothing new to say.
        told: a larger share that it was given since, or None.
        levels: what was given with that.
    """

    report: RouterReport
    seen_at: float
    before: RouterReport | None = None
    told: Share | None = None
    levels: Levels = EMPTY

    @property
    def part(self) -> float:
        """The most that it may be using."""
        told = 0.0 if self.told is None else self.told.part
        return max(self.report.limit_share.part, told)


class Shares:
    """
    Owns who has which share of all limits, and what nobody has.

    All have the same share in the end. A router that is to have less is told at once; what it gives up, and what is left in that, is given on as soon
    as it says that it has. A NewsSource.
    """

    def __init__(self, clock: Callable[[], float], bell: Bell) -> None:
        self._clock = clock
        self._bell = bell
        self._opens_at = clock() + START_S
        self._holders: dict[str, Holder] = {}
        self._free = 0.0
        self._free_levels = FULL
        self._has_opened = False

    def __repr__(self) -> str:
        parts = {name: holder.report.limit_share.part for name, holder in self._holders.items()}
        return f"<Shares {parts} free={self._free:g}>"

    def add_news(self, answer: WatchAnswer, report: RouterReport) -> WatchAnswer:
        """The answer with this router's share, if it's another one than it has."""
        now = self._clock()
        self._note(report, now)
        self._forget_gone(now)
        self._open(now)
        holder = self._holders.get(report.router)
        if holder is None:
            return answer
        share = self._target(report.router)
        if share == report.limit_share:
            return answer
        gained = share.part - holder.part
        if gained > 0:
            if self._free + _ROUNDING < gained:
                return answer
            self._free -= gained
            holder.told, holder.levels = share, self._free_levels
        levels = holder.levels if holder.told == share else EMPTY
        return msgspec.structs.replace(answer, limit_share=share, limit_levels=levels)

    def _note(self, report: RouterReport, now: float) -> None:
        """Take in a report that is new: what its router has given up is free."""
        name = report.router
        holder = self._holders.get(name)
        if holder is None:
            if report.limit_share == NOTHING and report.limit_levels is not None:
                return  # it says goodbye again
            self._holders[name] = Holder(report, now)
            if self._has_opened:
                self._free -= report.limit_share.part  # below 0 until others have given it up
            self._bell.ring()
            return
        if report is holder.report or report is holder.before:
            return
        had, levels = holder.part, report.limit_levels
        if levels is None:
            levels = holder.levels  # it never got what it was given
        is_leaving = report.limit_share == NOTHING and report.limit_levels is not None
        if is_leaving:
            del self._holders[name]
        else:
            self._holders[name] = Holder(report, now, holder.report)
        self._release(had - report.limit_share.part, levels)
        if is_leaving:
            self._bell.ring()

    def _release(self, part: float, levels: Levels) -> None:
        if part > _ROUNDING:
            self._free_levels = blend(self._free_levels, max(0.0, self._free), levels, part)
            self._free += part
            self._bell.ring()

    def _forget_gone(self, now: float) -> None:
        for name, holder in list(self._holders.items()):
            if holder.seen_at + GONE_S <= now:
                del self._holders[name]
                # Nobody knows what was left in it. If nobody has anything, counting begins anew, as it does when all routers restart.
                self._release(holder.part, EMPTY if any(each.part for each in self._holders.values()) else FULL)
                self._bell.ring()

    def _open(self, now: float) -> None:
        """Once all that live have reported: what none of them has is free. It's full if none has anything, as nobody can have used it."""
        if self._has_opened or now < self._opens_at:
            return
        self._has_opened = True
        held = sum(holder.part for holder in self._holders.values())
        self._free = 0.0
        self._free_levels = EMPTY if held else FULL
        self._release(1.0 - held, self._free_levels)

    def _target(self, router: str) -> Share:
        return Share(list(self._holders).index(router), len(self._holders))
