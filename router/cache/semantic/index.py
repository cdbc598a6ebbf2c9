"""Finds the stored vectors that are nearest to a question's."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 8
"""As many are retrieved for a question: enough to see whether what's near agrees."""

_FIRST_ROWS = 256


@dataclass(frozen=True, slots=True)
class Neighbours:
    """
    The nearest entries, the nearest first.

    Attributes:
        keys: int64 (k,).
        cosines: float32 (k,), falling.
    """

    keys: NDArray[np.int64]
    cosines: NDArray[np.float32]


class VectorIndex(Protocol):
    """Vectors of length 1 by their keys."""

    def __len__(self) -> int: ...

    def add(self, key: int, vector: NDArray[np.float32]) -> None:
        """
        Adds an entry.

        Raises:
            ValueError: there is one by this key, or the vector has another size than the index.
        """
        ...

    def remove(self, key: int) -> bool:
        """Forgets an entry; whether there was one."""
        ...

    def search(self, vector: NDArray[np.float32], count: int = NEIGHBOURS) -> Neighbours:
        """The `count` nearest entries; fewer where there are fewer."""
        ...


class ExactIndex:
    """
    Owner of a matrix that every search reads whole: 0.1 ms for 10,000 entries, and never a neighbour missed.

    Args:
        dimensions: of every vector.
    """

    def __init__(self, dimensions: int) -> None:
        self._dimensions = dimensions
        self._vectors = np.empty((_FIRST_ROWS, dimensions), dtype=np.float32)
        self._keys = np.empty(_FIRST_ROWS, dtype=np.int64)
        self._rows: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, key: int) -> bool:
        return key in self._rows

    def __repr__(self) -> str:
        return f"<ExactIndex {len(self)} x {self._dimensions}>"

    def add(self, key: int, vector: NDArray[np.float32]) -> None:
        """Adds an entry; the matrix doubles when it's full."""
        check_new(key, vector, key in self._rows, self._dimensions)
        row = len(self._rows)
        if row == len(self._keys):
            self._vectors = np.concatenate([self._vectors, np.empty_like(self._vectors)])
            self._keys = np.concatenate([self._keys, np.empty_like(self._keys)])
        self._vectors[row], self._keys[row], self._rows[key] = vector, key, row

    def remove(self, key: int) -> bool:
        """Forgets an entry; the last row takes its place."""
        row = self._rows.pop(key, None)
        if row is None:
            return False
        last = len(self._rows)
        if row != last:
            moved = int(self._keys[last])
            self._vectors[row], self._keys[row], self._rows[moved] = self._vectors[last], moved, row
        return True

    def search(self, vector: NDArray[np.float32], count: int = NEIGHBOURS) -> Neighbours:
        """The `count` nearest entries, by one product with the whole matrix."""
        used = len(self._rows)
        cosines = self._vectors[:used] @ vector
        return pick_nearest(self._keys[:used], cosines, count)

    def get_vectors(self, keys: NDArray[np.int64]) -> NDArray[np.float32]:
        """
        Float32 (k, d): the vectors of k entries.

        Raises:
            KeyError: one of them isn't here.
        """
        return np.asarray(self._vectors[[self._rows[int(key)] for key in keys]])


def check_new(key: int, vector: NDArray[np.float32], is_known: bool, dimensions: int) -> None:
    """
    What every index asks of an entry.

    Raises:
        ValueError: the key is taken, or the vector has another size.
    """
    if is_known:
        raise ValueError(f"there is an entry {key!r} already: remove it first")
    if vector.shape != (dimensions,):
        raise ValueError(
            f"the vector has shape {vector.shape!r}, and the index holds {dimensions}: is it another model's?"
        )


def pick_nearest(keys: NDArray[np.int64], cosines: NDArray[np.float32], count: int) -> Neighbours:
    """The `count` with the largest cosine, the largest first."""
    if len(cosines) > count:
        chosen = np.argpartition(cosines, -count)[-count:]
        keys, cosines = keys[chosen], cosines[chosen]
    order = np.argsort(-cosines, kind="stable")
    return Neighbours(keys[order], cosines[order])
