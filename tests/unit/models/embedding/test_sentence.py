"""MiniLM from disk gives the vectors that its own library gives."""

import numpy as np
import pytest

from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

TEXTS = [
    "hello world",
    "What is the capital of France?",
    "x",
    "Which city is France governed from?",
    "I like cheese. " * 20,
]


@pytest.fixture(scope="module")
def folder():
    pytest.importorskip("sentence_transformers")
    try:
        return find("minilm")
    except ModelNotOnDisk as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(folder):
    from turnout.models.embedding.sentence import SentenceEmbedder

    return SentenceEmbedder(folder, threads=1)


def test_batched_vectors_equal_those_of_the_library(model, folder):
    from sentence_transformers import SentenceTransformer

    library = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    wanted = library.encode(TEXTS, normalize_embeddings=True)
    vectors = model.embed(model.tokenize(TEXTS))
    assert vectors.dtype == np.float32
    assert vectors.shape == (5, model.dimensions) == (5, 384)
    np.testing.assert_allclose(vectors, wanted, atol=1e-5)


def test_a_texts_vector_does_not_depend_on_its_batch(model):
    tokens = model.tokenize(TEXTS)
    together = model.embed(tokens)
    alone = np.concatenate([model.embed([each]) for each in tokens])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose((together**2).sum(axis=1), 1, atol=1e-5)


def test_like_means_close(model):
    vectors = model.embed(model.tokenize(TEXTS))
    likeness = vectors @ vectors.T
    assert likeness[1, 3] > 0.6 > likeness[1, 4]


def test_tokens_are_counted_with_the_special_ones_and_never_cut(model):
    (tokens,) = model.tokenize(["word " * 400])
    assert len(tokens) == 402
    assert model.max_tokens == 256


def test_tokens_come_from_the_pass_that_makes_the_vector(model):
    embedded = model.embed_tokens(["Lock my card", TEXTS[4]])
    np.testing.assert_allclose(
        [vector for vector, _ in embedded], model.embed(model.tokenize(["Lock my card", TEXTS[4]])), atol=1e-5
    )
    _, tokens = embedded[0]
    assert [("Lock my card"[start:end]) for start, end in tokens.spans] == ["Lock", "my", "card"]
    assert tokens.vectors.shape == (3, model.dimensions)
    assert (tokens.vectors.dtype, tokens.ids.shape) == (np.float16, (3,))


def test_tokens_beyond_the_models_longest_text_are_cut(model):
    ((_, tokens),) = model.embed_tokens(["word " * 600])
    assert len(tokens.ids) <= model.max_tokens
