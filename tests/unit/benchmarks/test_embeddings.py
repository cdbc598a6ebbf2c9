"""Embeddings of benchmark texts are made once and read from then on."""

from pathlib import Path

import numpy as np
import pytest

from turnout.benchmarks.embeddings import embed
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find

try:
    find("minilm")
except ModelNotOnDisk as missing:
    pytest.skip(str(missing), allow_module_level=True)

TEXTS = ["how do I pay", "where is the station, and when does the next train leave", "how do I pay"]


def test_rows_are_unit_vectors_in_the_order_of_the_texts(tmp_path: Path) -> None:
    vectors = embed(TEXTS, folder=tmp_path)
    assert vectors.shape == (3, 384)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors[0] @ vectors[2] == pytest.approx(1, abs=1e-5)
    assert vectors[0] @ vectors[1] < 0.9


def test_the_second_time_nothing_is_embedded(tmp_path: Path) -> None:
    told: list[str] = []
    first = embed(TEXTS, told.append, tmp_path)
    second = embed(TEXTS, told.append, tmp_path)
    assert len(told) == 1
    assert np.array_equal(first, second)
    assert len(list(tmp_path.iterdir())) == 1
