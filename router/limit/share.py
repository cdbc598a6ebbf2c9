"""How several routers keep one limit together: each has a share of it, and shares move with what is left in them."""

import math
import zlib
from collections.abc import Mapping

import msgspec

from turnout.models.access import Limit, Unit

LimitKey = tuple[str, Unit, int, str]
"""Bucket, unit, window and model: what makes two limits one count."""


class Share(msgspec.Struct, frozen=True, array_like=True):
    """
    What one of those that share all limits has of each.

    Attributes:
        part: of every rate, from 0 to 1.
        start, end: which seats of every limit on requests at once, as a piece of the line from 0 to 1; pieces that don't overlap have none in common.
    """

    part: float
    start: float
    end: float

    @property
    def span(self) -> float:
        """Of all seats, from 0 to 1."""
        return self.end - self.start

    def piece(self, index: int, of: int) -> "Share":
        """The one at `index` of `of` equal pieces."""
        end = self.end if index + 1 == of else self.start + self.span * (index + 1) / of
        return Share(self.part / of, self.start + self.span * index / of, end)

    def scaled(self, factor: float) -> "Share":
        """The same seats and `factor` of its rates; nothing at all for 0."""
        return Share(self.part * factor, self.start, self.end) if factor else NOTHING

    def allowance(self, limit: Limit) -> float:
        """
        What may be let in of `limit`.

        Seats are whole: those that are left over are spread, and everybody has one, as a limit below the number of routers would shut some of them.
        """
        if limit.window_s:
            return limit.amount * self.part
        if not self.span:
            return 0.0
        turn = zlib.crc32(f"{limit.bucket}\0{limit.model}".encode()) / 2**32
        return max(1, math.ceil(self.end * limit.amount - turn) - math.ceil(self.start * limit.amount - turn))


WHOLE = Share(1.0, 0.0, 1.0)
NOTHING = Share(0.0, 0.0, 0.0)


class Lease(msgspec.Struct, frozen=True, array_like=True):
    """
    How long a share is good for, from the report that it answers.

    Attributes:
        for_s: seconds; inf where there's one cluster only, and 0 for what a cluster has without the others' word.
        then: what's left of its part after that, from 0 to 1.
    """

    for_s: float
    then: float


FOR_EVER = Lease(math.inf, 1.0)
ENDED = Lease(0.0, 1.0)


class Level(msgspec.Struct, frozen=True, array_like=True):
    """How full the part of one rate is that moves with a share: 1 for full, below 0 for a debt."""

    limit: Limit
    fullness: float


class Levels(msgspec.Struct, frozen=True, array_like=True):
    """
    What moves with a share.

    Attributes:
        rest: how full the rates are that aren't listed.
        listed: those that have been used.
    """

    rest: float
    listed: tuple[Level, ...] = ()

    def by_key(self) -> Mapping[LimitKey, Level]:
        """The listed ones."""
        return {key_of(level.limit): level for level in self.listed}


FULL = Levels(1.0)
EMPTY = Levels(0.0)


def key_of(limit: Limit) -> LimitKey:
    """What the limit is counted under."""
    return (limit.bucket, limit.unit, limit.window_s, limit.model)


def blend(first: Levels, part: float, second: Levels, other_part: float) -> Levels:
    """The levels of two shares put together, by their sizes."""
    whole = part + other_part
    if whole <= 0:
        return second
    ours, theirs = first.by_key(), second.by_key()
    listed = tuple(
        Level(
            (theirs.get(key) or ours[key]).limit,
            (_fullness(first, ours, key) * part + _fullness(second, theirs, key) * other_part) / whole,
        )
        for key in {**ours, **theirs}
    )
    return Levels((first.rest * part + second.rest * other_part) / whole, listed)


def _fullness(levels: Levels, listed: Mapping[LimitKey, Level], key: LimitKey) -> float:
    level = listed.get(key)
    return levels.rest if level is None else level.fullness
