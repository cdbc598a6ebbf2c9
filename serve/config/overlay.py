"""What an administrator changed on top of the cluster file."""

from collections.abc import Mapping

import msgspec


class Overlay(msgspec.Struct, frozen=True):
    """
    Changes to targets; Control keeps them, routers apply them, `POST /admin/config/reset` drops them.

    Attributes:
        version: grows by one with each change, a reset too; 0 is the empty one of a new store.
        weights: by target name, instead of the file's.
        drained: targets that take no new requests.
    """

    version: int = 0
    weights: Mapping[str, float] = {}
    drained: frozenset[str] = frozenset()
