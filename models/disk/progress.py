"""How a pull tells whoever waits for it how far it is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Progress:
    """
    One state of one stage.

    Attributes:
        stage: `wait` (another pull of the same model is running), then `download`, `unpack`, `convert`; not every model has all of them.
        done: so many units are done.
        total: of so many, or None if that isn't known.
        unit: what `done` and `total` count.
    """

    stage: Literal["wait", "download", "unpack", "convert"]
    done: int
    total: int | None
    unit: Literal["bytes", "steps"] = "bytes"


Report = Callable[[Progress], None]
"""Called often and from the pulling thread; a stage is over when the next one begins or `pull` returns."""
