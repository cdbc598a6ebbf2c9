"""Reads texts as the semantic tier does, in this process."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.models.disk.store import find
from turnout.models.embedding.sentence import SentenceEmbedder
from turnout.router.cache.semantic.lexicon import Lexicon
from turnout.router.cache.semantic.wording import Wording, read_wording

_MODEL = "minilm"
_BATCH = 32


@dataclass(frozen=True, slots=True)
class Reading:
    """
    A text.

    Attributes:
        vector: float32 (d,), of length 1.
        wording: its terms.
    """

    vector: NDArray[np.float32]
    wording: Wording


def read_texts(texts: Sequence[str], lexicon: Lexicon, model: SentenceEmbedder) -> dict[str, Reading]:
    """Every text once, in batches of like length; milliseconds each."""
    found: dict[str, Reading] = {}
    order = sorted(dict.fromkeys(texts), key=len)
    for start in range(0, len(order), _BATCH):
        part = order[start : start + _BATCH]
        for text, (vector, tokens) in zip(part, model.embed_tokens(part), strict=True):
            found[text] = Reading(vector, read_wording(text, tokens, lexicon))
    return found


def open_model() -> SentenceEmbedder:
    """MiniLM on one thread; seconds."""
    return SentenceEmbedder(find(_MODEL), 1)
