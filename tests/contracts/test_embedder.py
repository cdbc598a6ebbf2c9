"""What every `Embedder` promises, tried on the real one and on the stand-in."""

import numpy as np
import pytest

from tests.fakes_embedding import FakeEmbedder
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

TEXTS = ["hello", "a city", "Paris", "hello"]


@pytest.fixture(scope="module", params=["fake", "sentence-transformers"])
def embedder(request):
    if request.param == "fake":
        return FakeEmbedder()
    pytest.importorskip("sentence_transformers")
    from turnout.models.embedding.sentence import SentenceEmbedder

    try:
        return SentenceEmbedder(find("minilm"), threads=1)
    except ModelNotOnDisk as error:
        pytest.skip(str(error))


def test_a_batch_is_one_row_of_float32_a_text(embedder):
    vectors = embedder.embed(embedder.tokenize(TEXTS))
    assert vectors.dtype == np.float32
    assert vectors.shape == (4, embedder.dimensions)


def test_vectors_have_length_one(embedder):
    vectors = embedder.embed(embedder.tokenize(TEXTS))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_texts_vector_depends_on_nothing_but_the_text(embedder):
    tokens = embedder.tokenize(TEXTS)
    together = embedder.embed(tokens)
    alone = np.concatenate([embedder.embed([each]) for each in tokens])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(together[0], together[3], atol=1e-5)


def test_tokens_are_told_in_full_even_over_the_limit(embedder):
    (tokens,) = embedder.tokenize(["word " * (embedder.max_tokens + 1)])
    assert len(tokens) > embedder.max_tokens
