"""Which limits a principal's requests to a model are held to, and the lines where these are counted."""

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from turnout.models.access import Limit, Principal, Unit
from turnout.router.catalogue import ModelRoute
from turnout.router.limit.bucket import Bucket
from turnout.router.limit.line import Line
from turnout.router.limit.share import Level, Levels, LimitKey, Share, key_of
from turnout.router.limit.tell import Rates, told_rates

SWEEP_S = 1.0
SWEPT = 256
"""Every so many seconds so many lines are looked at, whether anybody would notice if they were forgotten."""

MAX_TERMS = 16_384
MAX_LEVELS = 20_000
"""Told of at most when a share is given away; the others count as empty then."""

_COUNTED = (Unit.REQUESTS, Unit.TOKENS, Unit.CONCURRENT)
_WINDOWS_S = (60, 3600, 86400)


class Terms(msgspec.Struct, frozen=True):
    """
    What one principal's requests to one model are held to.

    Attributes:
        hard: lines that a request has to get through, in the order in which it does.
        soft: lines that only count.
        bounds: limits of the single request.
        told: rates among `hard`, which callers are told of.
    """

    principal: Principal
    route: ModelRoute
    hard: tuple[Line, ...]
    soft: tuple[Line, ...]
    bounds: tuple[Limit, ...]
    told: tuple[Rates, ...]


class TermsBook:
    """
    Owns the lines of every limit that's in use, and the terms made of them, at most MAX_TERMS; one per router replica.

    Lines are shared by name: limits with the same bucket, unit, window and model are one count. Lines that are as good as new are forgotten, so there
    are no more than limits in use within a window.

    Attributes:
        share: this router's, of every limit.
    """

    def __init__(self, now: Callable[[], float], share: Share) -> None:
        self._now = now
        self.share = share
        self._lines: dict[LimitKey, Line] = {}
        self._fresh = Freshness(now())
        self._terms: dict[tuple[str, str], Terms] = {}
        self._sweep_at = 0.0

    def __repr__(self) -> str:
        return f"<TermsBook {len(self._lines)} lines, {len(self._terms)} terms>"

    def __len__(self) -> int:
        return len(self._lines)

    def get(self, principal: Principal, route: ModelRoute, now: float) -> Terms:
        """The terms, as long as neither the principal nor the route is another one."""
        if now >= self._sweep_at:
            self._sweep(now)
        terms = self._terms.get((principal.key_id, route.name))
        if terms is None or terms.principal is not principal or terms.route is not route:
            terms = self._make(principal, route, now)
        return terms

    def shrink(self, share: Share) -> Levels:
        """Go on with a smaller share; what is given away is as full as what is kept."""
        now = self._now()
        rest = self._fresh.least(now) if len(self._lines) <= MAX_LEVELS else 0.0
        rates = [line.bucket for line in islice(self._lines.values(), MAX_LEVELS) if line.bucket.refills]
        levels = tuple(Level(each.limit, each.fullness(now)) for each in rates if each.fullness(now) != rest)
        for line in self._lines.values():
            line.bucket.shrink(share.allowance(line.bucket.limit), now)
            line.serve()
        self.share = share
        return Levels(rest, levels)

    def grow(self, share: Share, levels: Levels) -> None:
        """Go on with a share that is as large or larger, and `levels` in what is new of it."""
        now, listed = self._now(), levels.by_key()
        gained = share.part - self.share.part
        for key, level in listed.items():
            if key not in self._lines:
                self._line(level.limit, now)
        for key, line in self._lines.items():
            fullness = listed[key].fullness if key in listed else levels.rest
            line.bucket.grow(share.allowance(line.bucket.limit), fullness, now)
        self._fresh.blend(self.share.part, levels.rest, gained, now)
        self.share = share
        for line in self._lines.values():
            line.serve()

    def _make(self, principal: Principal, route: ModelRoute, now: float) -> Terms:
        limits = [each for each in (*principal.limits, *route.limits) if each.model in ("", route.name)]
        counted = [each for each in limits if each.unit in _COUNTED]
        # Whoever waits for tokens mustn't keep a seat from others, so seats come last; one order for all, so that nobody waits in a ring.
        counted.sort(key=lambda limit: (limit.unit is Unit.CONCURRENT, limit.bucket, limit.unit.value, limit.window_s))
        hard = self._lines_of((each for each in counted if each.is_hard), now)
        soft = self._lines_of((each for each in counted if not each.is_hard), now)
        bounds = tuple(each for each in limits if each.unit not in _COUNTED)
        terms = Terms(principal, route, hard, soft, bounds, told_rates(hard))
        if len(self._terms) >= MAX_TERMS:
            self._terms.clear()
        self._terms[principal.key_id, route.name] = terms
        return terms

    def _lines_of(self, limits: Iterable[Limit], now: float) -> tuple[Line, ...]:
        return tuple(dict.fromkeys(self._line(limit, now) for limit in limits))

    def _line(self, limit: Limit, now: float) -> Line:
        key = key_of(limit)
        line = self._lines.get(key)
        if line is None:
            bucket = Bucket(limit, self.share.allowance(limit), now, self._fresh.fullness(limit.window_s, now))
            line = self._lines[key] = Line(bucket, self._now)
        elif line.bucket.limit != limit:
            line.bucket.set_limit(limit, self.share.allowance(limit), now)
            line.serve()
        return line

    def _sweep(self, now: float) -> None:
        """Forget some lines that are as good as new. Terms hold lines, so they go too: a limit with two lines would let in twice as much."""
        self._sweep_at = now + SWEEP_S
        has_dropped = False
        for key in list(islice(self._lines, SWEPT)):
            line = self._lines.pop(key)
            if line.is_idle(now):
                has_dropped = True
            else:
                self._lines[key] = line  # at the end, so that others are looked at next time
        if has_dropped:
            self._terms.clear()


class Freshness:
    """Owns how full a rate is that hasn't been used here: full, until a share comes that others may have used."""

    def __init__(self, now: float) -> None:
        self._fullness = dict.fromkeys(_WINDOWS_S, 1.0)
        self._at = now

    def fullness(self, window_s: int, now: float) -> float:
        """Of rates with this window; one of an odd length is taken for the longest."""
        return self._fill(now).get(window_s, self._fullness[_WINDOWS_S[-1]])

    def least(self, now: float) -> float:
        """Of all windows."""
        return min(self._fill(now).values())

    def blend(self, part: float, fullness: float, gained: float, now: float) -> None:
        """A part that is so full came to the part that was there."""
        known = self._fill(now)
        whole = part + gained
        if whole > 0:
            self._fullness = {window_s: (had * part + fullness * gained) / whole for window_s, had in known.items()}

    def _fill(self, now: float) -> dict[int, float]:
        passed_s = max(0.0, now - self._at)
        self._at = now
        self._fullness = {
            window_s: min(1.0, fullness + passed_s / window_s) for window_s, fullness in self._fullness.items()
        }
        return self._fullness
