"""Reads where a caller lets its prompt go."""

import re
from functools import lru_cache

import msgspec

from turnout.models.errors import BadRequest

_HEADER = "x-turnout-residency"
_REGION = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")
LOCAL, NO_RETENTION = "local", "no-retention"


class Residency(msgspec.Struct, frozen=True):
    """
    What one request's label asks for.

    Attributes:
        is_local_only: pools of this cluster only.
        regions: these only, or None for any.
        is_private: nobody who keeps prompts.
    """

    is_local_only: bool = False
    regions: frozenset[str] | None = None
    is_private: bool = False


ANYWHERE = Residency()


@lru_cache(maxsize=256)
def read_residency(label: bytes) -> Residency:
    """
    The label: `local`, or regions such as `eu,ch`; and `no-retention` alone or with either.

    Raises:
        BadRequest: it's something else.
    """
    words = [word.strip() for word in label.decode("latin-1").lower().split(",")]
    regions = frozenset(words) - {LOCAL, NO_RETENTION}
    for region in regions:
        if not _REGION.fullmatch(region):
            raise BadRequest(
                f"{_HEADER} has {region!r}; give 'local', or regions such as 'eu', and 'no-retention' if you like.",
                _HEADER,
            )
    if LOCAL in words and regions:
        raise BadRequest(
            f"{_HEADER} is {label.decode('latin-1')!r}: 'local' leaves no choice of regions; give one or the other.",
            _HEADER,
        )
    return Residency(LOCAL in words, regions or None, NO_RETENTION in words)


def both(one: frozenset[str] | None, other: frozenset[str] | None) -> frozenset[str] | None:
    """The regions that two rules allow, of which None allows all."""
    if one is None or other is None:
        return one if other is None else other
    return one & other
