"""What an administrator changed on top of the cluster file."""

from collections.abc import Mapping

import msgspec


class Overlay(msgspec.Struct, frozen=True):
    """
    Changes to targets, and what was purged of the cache; Control keeps them, routers apply them, `POST /admin/config/reset` drops the former.

    Attributes:
        version: grows by one with each change, a reset too; 0 is the empty one of a new store.
        weights: by target name, instead of the file's.
        drained: targets that take no new requests.
        purges: when answers were last purged, nanoseconds since 1970 UTC, by slot of the routers' epoch pages, so there's an end of them.
    """

    version: int = 0
    weights: Mapping[str, float] = {}
    drained: frozenset[str] = frozenset()
    purges: Mapping[int, int] = {}
