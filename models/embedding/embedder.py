"""The seam between whoever needs vectors and the model that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """
    One text as the model sees its tokens, special ones left out.

    Attributes:
        ids: int32 (t,): the tokens; in a WordPiece vocabulary common ones come first.
        spans: int32 (t, 2): where each begins in the text and ends, in characters.
        vectors: float16 (t, d): from the same pass as the vector of the text.
    """

    ids: NDArray[np.int32]
    spans: NDArray[np.int32]
    vectors: NDArray[np.float16]


class TokenEmbedder(Protocol):
    """An embedder that also has a vector for each token; blocks, on one thread at a time."""

    def embed_tokens(self, texts: Sequence[str]) -> list[tuple[NDArray[np.float32], TokenVectors]]:
        """
        Embed texts, each cut to the longest that the model takes, in one pass.

        Returns:
            for each text what `Embedder.embed` would say, float32 (dimensions,), and its tokens.
        """
        ...
