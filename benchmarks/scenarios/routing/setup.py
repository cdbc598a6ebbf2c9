"""What every scenario of `routing` gets."""

from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.scenarios.setup import NotMeasurable


@dataclass(frozen=True, slots=True)
class RoutingSetup:
    """
    One run.

    Attributes:
        is_quick: the short form.
        seed: of every random choice; each scenario makes its own `random.Random` of it, so that one alone finds what it finds among others.
        data: the folder with `traces/` and `router/`.
    """

    is_quick: bool
    seed: int
    data: Path

    def find(self, name: str) -> Path:
        """
        A file of the data folder.

        Raises:
            NotMeasurable: it isn't there.
        """
        path = self.data / name
        if not path.exists():
            raise NotMeasurable(f"{str(path)!r} isn't there; give --data DIR")
        return path
