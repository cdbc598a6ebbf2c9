"""Sentence embeddings of the texts that benchmarks read, kept on disk: they cost minutes to make, and the same text always has the same."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.load.compiler import cache_folder
from turnout.models.disk.store import find
from turnout.models.embedding.sentence import SentenceEmbedder

MODEL = "minilm"
_BATCH = 32


def embed(
    texts: Sequence[str], say: Callable[[str], None] = lambda _: None, folder: Path | None = None
) -> NDArray[np.float32]:
    """
    Embed `texts` with MiniLM, as the Embedder deployment would, or read what an earlier run embedded.

    Args:
        texts: n of them; a whole set at once, since it's kept as one file under the hash of all.
        say: told when there is something to embed, which takes about a minute for 10,000 short texts.
        folder: where sets are kept; the user's cache folder unless given.

    Returns:
        float32 (n, 384), rows of length 1, in the order of `texts`.

    Raises:
        ModelNotOnDisk: `turnout models pull minilm` hasn't been run here.
    """
    path = (folder or cache_folder(os.environ) / "embeddings") / f"{MODEL}-{_digest(texts)}.npy"
    if path.exists():
        return np.asarray(np.load(path), dtype=np.float32)
    say(f"embedding {len(texts):,} texts, once on this machine")
    vectors = _embed(texts)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.npy")
    np.save(part, vectors)
    part.replace(path)
    return vectors


def _embed(texts: Sequence[str]) -> NDArray[np.float32]:
    """By length, so that a batch has little padding."""
    model = SentenceEmbedder(find(MODEL), os.cpu_count() or 1)
    tokens = model.tokenize(texts)
    order = sorted(range(len(texts)), key=lambda at: len(tokens[at]))
    vectors = np.empty((len(texts), model.dimensions), dtype=np.float32)
    for start in range(0, len(order), _BATCH):
        rows = order[start : start + _BATCH]
        vectors[rows] = model.embed([tokens[at][: model.max_tokens] for at in rows])
    return vectors


def _digest(texts: Sequence[str]) -> str:
    return hashlib.blake2b("\0".join(texts).encode(), digest_size=16).hexdigest()
