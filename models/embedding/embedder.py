"""The seam between whoever needs vectors and the model that makes them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[int]
"""One text as the model's own token ids, special tokens included."""


class Embedder(Protocol):
    """
    A sentence-embedding model. Its methods block, and may be called on any thread; `embed` on one at a time.

    Attributes:
        dimensions: of each vector.
        max_tokens: of the longest text, special tokens included.
    """

    @property
    def dimensions(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of each text, however many; takes tens of microseconds a text."""
        ...

    def embed(self, batch: Sequence[Tokens]) -> NDArray[np.float32]:
        """
        Embed a batch in one pass through the model.

        Args:
            batch: n texts of 1 to `max_tokens` tokens; n >= 1.

        Returns:
            float32 (n, dimensions), each row of length 1, in the order of `batch`.
        """
        ...
