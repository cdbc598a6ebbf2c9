"""Embeds requests for whoever compares them by meaning: once a text, within a time, and without holding anybody up."""

import asyncio
from collections import OrderedDict
from collections.abc import Coroutine
from hashlib import blake2b
from typing import Any, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

MOST_KEPT = 4096
"""Embeddings; of 384 dimensions they take 6 MB."""

MOST_UNDER_WAY = 64
"""Texts at the embedder at once, from one router; above, requests do without."""

MOST_CHARACTERS = 8192
"""Of a text; what embedding models read, some hundreds of tokens, lies within them."""


class Embedded(msgspec.Struct, frozen=True):
    """
    A text as a vector.

    Attributes:
        vector: float32 (d,), of length 1.
        embedder: fingerprint of the model that made it, or "" where it isn't told. Vectors of two models can't be compared.
    """

    vector: NDArray[np.float32]
    embedder: str


class EmbedText(Protocol):
    """Asks an embedding model of this cluster; prompts that may not leave it are embedded too."""

    async def embed(self, model: str, text: str) -> Embedded | None:
        """The embedding of `text` by the public model `model`; None for any failure. Ends within seconds, whatever happens."""
        ...


class Embeddings:
    """
    Owns the embeddings of recent texts, by their digests: no text is kept.

    A text that's asked for by several at once is embedded once, and goes on being embedded when they can't wait any longer: the next to ask has it.
    """

    def __init__(self, source: EmbedText, most_kept: int = MOST_KEPT) -> None:
        self._source = source
        self._most_kept = most_kept
        self._kept: OrderedDict[bytes, Embedded] = OrderedDict()
        self._under_way: dict[bytes, asyncio.Task[Embedded | None]] = {}

    def __repr__(self) -> str:
        return f"<Embeddings {len(self._kept)} kept, {len(self._under_way)} under way>"

    async def find(self, model: str, text: str, within_s: float) -> Embedded | None:
        """
        The embedding of `text` by the public model `model`, or None if there is none within `within_s`.

        Of a long text only the beginning counts, as the models themselves have it.
        """
        text = text[:MOST_CHARACTERS]
        key = blake2b(text.encode("utf-8", "replace"), digest_size=16, key=model.encode()[:64]).digest()
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            return known
        if not text.strip():
            return None
        task = self._under_way.get(key)
        if task is None:
            if len(self._under_way) >= MOST_UNDER_WAY:
                return None
            task = self._begin(key, self._source.embed(model, text))
        await asyncio.wait((task,), timeout=within_s)
        return task.result() if task.done() and not task.cancelled() else None

    async def close(self) -> None:
        """End what is under way."""
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, key: bytes, work: Coroutine[Any, Any, Embedded | None]) -> asyncio.Task[Embedded | None]:
        task = asyncio.get_running_loop().create_task(work, name="embed")
        self._under_way[key] = task
        task.add_done_callback(lambda done: self._keep(key, done))
        return task

    def _keep(self, key: bytes, task: asyncio.Task[Embedded | None]) -> None:
        del self._under_way[key]
        found = None if task.cancelled() or task.exception() is not None else task.result()
        if found is None:
            return
        self._kept[key] = found
        if len(self._kept) > self._most_kept:
            self._kept.popitem(last=False)
