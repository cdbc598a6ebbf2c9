"""Vectors made of hashes: equal texts have equal ones, and that's all they mean."""

import base64
import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from turnout.serve.mock.ask import EmbeddingAsk, count_words, texts_of
from turnout.serve.mock.script import ModelScript


def make_embeddings(ask: EmbeddingAsk, script: ModelScript, seed: int) -> dict[str, Any]:
    """OpenAI's list of embeddings for the request; of unit length, as floats or base64 of little-endian float32."""
    texts = texts_of(ask.input)
    dims = ask.dimensions or script.embedding_dims
    items = [
        {"object": "embedding", "index": index, "embedding": _encode(hash_vector(text, dims, seed), ask)}
        for index, text in enumerate(texts)
    ]
    tokens = sum(count_words(text) for text in texts)
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return {"object": "list", "data": items, "model": ask.model, "usage": usage}


def hash_vector(text: str, dims: int, seed: int) -> NDArray[np.float32]:
    """A vector of float32 `(dims,)` and length 1, drawn from a normal distribution by the hash of `text` and `seed`."""
    digest = hashlib.blake2b(f"{seed}\0{text}".encode(errors="surrogatepass"), digest_size=16).digest()
    vector = np.random.default_rng(int.from_bytes(digest)).standard_normal(dims)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def _encode(vector: NDArray[np.float32], ask: EmbeddingAsk) -> str | list[float]:
    if ask.encoding_format == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return [float(each) for each in vector]
