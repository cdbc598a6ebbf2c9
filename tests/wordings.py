"""Texts as the semantic cache reads them, without a model: every word is one token, and words have one vector wherever they stand."""

import hashlib
import re

import numpy as np
from numpy.typing import NDArray

from turnout.models.embedding.embedder import TokenVectors
from turnout.router.cache.semantic.conversation import Message
from turnout.router.cache.semantic.lexicon import Lexicon
from turnout.router.cache.semantic.wording import Wording, read_wording

DIMENSIONS = 64
COMMON, PIECE = 3000, 29_000
_WORD = re.compile(r"\w+|[^\w\s]")


def fake_tokens(text: str, misspelt: frozenset[str] = frozenset()) -> TokenVectors:
    """One token a word; two for each of `misspelt`."""
    ids, spans = [], []
    for match in _WORD.finditer(text):
        if match[0] in misspelt:
            middle = match.start() + 2
            ids += [PIECE, PIECE]
            spans += [(match.start(), middle), (middle, match.end())]
        else:
            ids.append(COMMON)
            spans.append(match.span())
    vectors = [point(text[start:end].lower()) for start, end in spans]
    stacked = np.array(vectors, np.float16).reshape(-1, DIMENSIONS)
    return TokenVectors(np.array(ids, np.int32), np.array(spans, np.int32).reshape(-1, 2), stacked)


def point(word: str) -> NDArray[np.float32]:
    """A direction of its own for each word."""
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest())
    vector = np.random.default_rng(seed).standard_normal(DIMENSIONS).astype(np.float32)
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


def word(text: str, lexicon: Lexicon, misspelt: frozenset[str] = frozenset()) -> Wording:
    """A text's terms."""
    return read_wording(text, fake_tokens(text, misspelt), lexicon)


def say(role: str, text: str, lexicon: Lexicon) -> Message:
    """A message, whose vector is the sum of its words'."""
    total = sum((point(found.lower()) for found in _WORD.findall(text)), np.zeros(DIMENSIONS, np.float32))
    return Message(role, np.asarray(total / np.linalg.norm(total), np.float32), word(text, lexicon))
