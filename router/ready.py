"""An awaitable that is done already: what an `async with` awaits when it has nothing to wait for, at no coroutine's cost."""

from collections.abc import Generator
from typing import Any, Final, cast


class Ready:
    """Gives None at once."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, Any, None]:
        return cast("Generator[Any, Any, None]", iter(()))


READY: Final = Ready()
