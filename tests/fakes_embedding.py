"""A stand-in for an embedding model that runs when the test lets it, and remembers its batches."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from turnout.models.embedding.embedder import Tokens


class FakeEmbedder:
    """
    An `Embedder` of three dimensions whose vectors say what they were made from: (length, first token, 1).

    A text's tokens are its characters. With `is_held`, `embed` waits for `release`.
    """

    dimensions = 3
    max_tokens = 10

    def __init__(self, is_held: bool = False, fails_on: Tokens | None = None) -> None:
        self.batches: list[int] = []
        self._fails_on = fails_on
        self._gate = threading.Semaphore(0) if is_held else None

    def release(self, batches: int = 1) -> None:
        assert self._gate is not None
        self._gate.release(batches)

    def tokenize(self, texts: Sequence[str]) -> list[Tokens]:
        return [[ord(character) for character in text] for text in texts]

    def embed(self, batch: Sequence[Tokens]) -> NDArray[np.float32]:
        if self._gate is not None:
            assert self._gate.acquire(timeout=10)
        self.batches.append(len(batch))
        if self._fails_on in batch:
            raise RuntimeError("the model broke")
        return np.array([(len(tokens), tokens[0], 1) for tokens in batch], dtype=np.float32)
