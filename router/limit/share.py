"""How several routers keep one limit together: each has a share of it, and shares move with what is left in them."""

import zlib
from collections.abc import Mapping

import msgspec

from turnout.models.access import Limit, Unit

LimitKey = tuple[str, Unit, int, str]
"""Bucket, unit, window and model: what makes two limits one count."""


class Share(msgspec.Struct, frozen=True, array_like=True):
    """
    One router's place among those that share all limits.

    Attributes:
        index: which one it is, from 0.
        of: how many there are; 0 for a router that has no share yet, or no more.
    """

    index: int
    of: int

    @property
    def part(self) -> float:
        """Of every limit, from 0 to 1."""
        return 1 / self.of if self.of else 0.0

    def allowance(self, limit: Limit) -> float:
        """
        What this router may let in of `limit`.

        Seats are whole: those that are left over are spread, and everybody has one, as a limit below the number of routers would shut some of them.
        """
        if not self.of:
            return 0.0
        if limit.window_s:
            return limit.amount / self.of
        seats, over = divmod(limit.amount, self.of)
        turn = (zlib.crc32(f"{limit.bucket}\0{limit.model}".encode()) + self.index) % self.of
        return max(1, seats + (turn < over))


WHOLE = Share(0, 1)
NOTHING = Share(0, 0)


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
