"""The seam between Controls and the place that they have in common."""

from typing import Protocol

import msgspec


class Found(msgspec.Struct, frozen=True):
    """
    What is written there.

    Attributes:
        version: of it, for `try_write`.
        text: as it was written, or None if nothing is.
        now_s: that place's own clock, which all Controls go by.
    """

    version: bytes
    text: bytes | None
    now_s: float


class CounterStore(Protocol):
    """One text that several Controls change, one after the other; it's forgotten a while after it was last written."""

    async def read(self) -> Found:
        """
        What is there now.

        Raises:
            NoTarget: the store can't be reached.
        """
        ...

    async def try_write(self, version: bytes, text: bytes) -> bool:
        """
        Write, if nobody has written since `version` was read; says whether it's written.

        Raises:
            NoTarget: the store can't be reached, and nobody knows whether it's written.
        """
        ...
