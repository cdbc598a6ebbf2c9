"""What every scenario of `cache` gets."""

from dataclasses import dataclass
from pathlib import Path

from turnout.benchmarks.scenarios.setup import NotMeasurable


@dataclass(frozen=True, slots=True)
class Amount:
    """
    How much of everything.

    Attributes:
        orders: in which every stream is asked, each from its own seed.
        lookups: that are timed.
    """

    orders: int
    lookups: int


QUICK = Amount(orders=3, lookups=3000)
FULL = Amount(orders=20, lookups=20_000)


@dataclass(frozen=True, slots=True)
class CacheSetup:
    """
    One run.

    Attributes:
        amount: how much.
        seed: of every random choice.
        data: the folder with the public sets; None where none was named.
    """

    amount: Amount
    seed: int
    data: Path | None = None

    def get_data(self) -> Path:
        """
        The folder with the public sets.

        Raises:
            NotMeasurable: none was named, or it isn't there.
        """
        if self.data is None:
            raise NotMeasurable("needs the public sets: name their folder with --data DIR")
        if not self.data.is_dir():
            raise NotMeasurable(f"--data {str(self.data)!r} isn't a folder")
        return self.data
