"""What every vector index promises: one matrix, a graph, and both in layers."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.router.cache.semantic.index import ExactIndex, VectorIndex
from turnout.router.cache.semantic.layers import GraphIndex, LayeredIndex, open_index

DIMENSIONS = 32
MAKERS: dict[str, Callable[[], VectorIndex]] = {
    "exact": lambda: ExactIndex(DIMENSIONS),
    "graph": lambda: GraphIndex(DIMENSIONS),
    "layered": lambda: LayeredIndex(DIMENSIONS, exact_most=50, exact_left=10),
    "opened": lambda: open_index(DIMENSIONS),
}


@pytest.fixture(params=MAKERS)
def index(request: pytest.FixtureRequest) -> VectorIndex:
    if request.param in ("graph", "layered"):
        pytest.importorskip("usearch")
    return MAKERS[request.param]()


def make_vectors(count: int, seed: int = 3) -> NDArray[np.float32]:
    vectors = np.random.default_rng(seed).standard_normal((count, DIMENSIONS)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def fill(index: VectorIndex, vectors: NDArray[np.float32]) -> None:
    for key, vector in enumerate(vectors):
        index.add(key, vector)


def test_an_empty_index_finds_nothing(index: VectorIndex) -> None:
    assert len(index) == 0
    assert len(index.search(make_vectors(1)[0]).keys) == 0


def test_the_nearest_come_first_with_their_cosines(index: VectorIndex) -> None:
    vectors = make_vectors(400)
    fill(index, vectors)
    question = make_vectors(1, seed=9)[0]
    found = index.search(question)
    true = np.argsort(-(vectors @ question))[:8]
    assert found.keys.tolist() == true.tolist()
    assert np.allclose(found.cosines, (vectors @ question)[true], atol=2e-3)
    assert found.keys.dtype == np.int64


def test_there_are_fewer_where_fewer_are_stored(index: VectorIndex) -> None:
    fill(index, make_vectors(3))
    assert len(index.search(make_vectors(1)[0]).keys) == 3
    assert len(index.search(make_vectors(1)[0], count=2).keys) == 2


def test_a_removed_entry_is_not_found_again(index: VectorIndex) -> None:
    vectors = make_vectors(200)
    fill(index, vectors)
    for key in range(0, 200, 2):
        assert index.remove(key)
    assert not index.remove(0)
    assert len(index) == 100
    for key in range(200):
        assert (int(index.search(vectors[key]).keys[0]) == key) == bool(key % 2)


def test_a_key_can_be_used_again_after_its_removal(index: VectorIndex) -> None:
    first, second = make_vectors(2)
    index.add(7, first)
    index.remove(7)
    index.add(7, second)
    assert index.search(second).cosines[0] == pytest.approx(1, abs=2e-3)


def test_a_key_is_taken_once(index: VectorIndex) -> None:
    vectors = make_vectors(100)
    fill(index, vectors)
    for key in (0, 99):
        with pytest.raises(ValueError, match=f"an entry {key} already"):
            index.add(key, vectors[0])


def test_a_vector_of_another_model_is_refused(index: VectorIndex) -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\), and the index holds 32"):
        index.add(0, np.ones(3, np.float32))


def test_it_shows_its_size(index: VectorIndex) -> None:
    fill(index, make_vectors(5))
    assert "5" in repr(index)
