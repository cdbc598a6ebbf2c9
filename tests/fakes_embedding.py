"""Stand-ins for an embedding model, and for what asks one: they answer when the test lets them, and remember what was asked."""

import asyncio
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from turnout.models.embedding.embedder import Tokens
from turnout.router.embedding import Embedded


class FakeEmbedder:
    """
    An `Embedder` whose vectors say what they were made from: 1 at the place of a text's first token, 0 elsewhere.

    A text's tokens are its characters. With `is_held`, `embed` waits for `release`.
    """

    dimensions = 128
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
        vectors = np.zeros((len(batch), self.dimensions), dtype=np.float32)
        vectors[range(len(batch)), [tokens[0] % self.dimensions for tokens in batch]] = 1
        return vectors


class FakeEmbedding:
    """An `EmbedText` that answers from `known`, once `gate` is open; None for anything else."""

    def __init__(self) -> None:
        self.known: dict[str, Embedded] = {}
        self.asked: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def embed(self, model: str, text: str) -> Embedded | None:
        self.asked.append((model, text))
        await self.gate.wait()
        return self.known.get(text)
