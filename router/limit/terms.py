"""Which limits a principal's requests to a model are held to, and the lines where these are counted."""

from collections.abc import Callable, Iterable
from itertools import islice

import msgspec

from turnout.models.access import Limit, Principal, Unit
from turnout.router.catalogue import ModelRoute
from turnout.router.limit.bucket import Bucket
from turnout.router.limit.line import Line

SWEEP_S = 1.0
SWEPT = 256
"""Every so many seconds so many lines are looked at, whether anybody would notice if they were forgotten."""

MAX_TERMS = 16_384

_COUNTED = (Unit.REQUESTS, Unit.TOKENS, Unit.CONCURRENT)
_Key = tuple[str, Unit, int, str]


class Terms(msgspec.Struct, frozen=True):
    """
    What one principal's requests to one model are held to.

    Attributes:
        hard: lines that a request has to get through, in the order in which it does.
        soft: lines that only count.
        bounds: limits of the single request.
    """

    principal: Principal
    route: ModelRoute
    hard: tuple[Line, ...]
    soft: tuple[Line, ...]
    bounds: tuple[Limit, ...]


class TermsBook:
    """
    Owns the lines of every limit that's in use, and the terms made of them, at most MAX_TERMS; one per router replica.

    Lines are shared by name: limits with the same bucket, unit, window and model are one count. Lines that are as good as new are forgotten, so there
    are no more than limits in use within a window.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._lines: dict[_Key, Line] = {}
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

    def _make(self, principal: Principal, route: ModelRoute, now: float) -> Terms:
        limits = [each for each in (*principal.limits, *route.limits) if each.model in ("", route.name)]
        counted = [each for each in limits if each.unit in _COUNTED]
        # Whoever waits for tokens mustn't keep a seat from others, so seats come last; one order for all, so that nobody waits in a ring.
        counted.sort(key=lambda limit: (limit.unit is Unit.CONCURRENT, limit.bucket, limit.unit.value, limit.window_s))
        terms = Terms(
            principal,
            route,
            self._lines_of((each for each in counted if each.is_hard), now),
            self._lines_of((each for each in counted if not each.is_hard), now),
            tuple(each for each in limits if each.unit not in _COUNTED),
        )
        if len(self._terms) >= MAX_TERMS:
            self._terms.clear()
        self._terms[principal.key_id, route.name] = terms
        return terms

    def _lines_of(self, limits: Iterable[Limit], now: float) -> tuple[Line, ...]:
        return tuple(dict.fromkeys(self._line(limit, now) for limit in limits))

    def _line(self, limit: Limit, now: float) -> Line:
        key = (limit.bucket, limit.unit, limit.window_s, limit.model)
        line = self._lines.get(key)
        if line is None:
            line = self._lines[key] = Line(Bucket(limit, limit.amount, now), self._now)
        elif line.bucket.limit != limit:
            line.bucket.set_limit(limit, limit.amount, now)
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
