"""Old entries move into the graph as new ones come, and a graph survives on disk."""

from pathlib import Path

import numpy as np
import pytest

from turnout.router.cache.semantic.layers import GraphIndex, LayeredIndex

pytest.importorskip("usearch")
RANDOM = np.random.default_rng(5)
VECTORS = RANDOM.standard_normal((120, 16)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)


def test_an_add_moves_two_old_entries_until_few_are_left() -> None:
    index = LayeredIndex(16, exact_most=50, exact_left=10)
    for key in range(50):
        index.add(key, VECTORS[key])
    assert "None" in repr(index)
    index.add(50, VECTORS[50])
    assert "ExactIndex 49 x" in repr(index)
    assert "GraphIndex 2 x" in repr(index)
    for key in range(51, 120):
        index.add(key, VECTORS[key])
    assert "ExactIndex 10 x" in repr(index)
    assert len(index) == 120
    assert [int(index.search(vector).keys[0]) for vector in VECTORS] == list(range(120))


def test_an_entry_removed_before_its_move_is_not_moved() -> None:
    index = LayeredIndex(16, exact_most=3, exact_left=1)
    for key in range(3):
        index.add(key, VECTORS[key])
    index.remove(0)
    for key in range(3, 9):
        index.add(key, VECTORS[key])
    assert len(index) == 8
    assert 0 not in index.search(VECTORS[0]).keys.tolist()


def test_a_graph_finds_the_same_after_a_restart(tmp_path: Path) -> None:
    graph = GraphIndex(16)
    graph.add_all(np.arange(120), VECTORS, threads=2)
    graph.remove(3)
    graph.save(tmp_path)
    loaded = GraphIndex.load(tmp_path, 16)
    assert len(loaded) == 119
    assert all(np.array_equal(graph.search(vector).keys, loaded.search(vector).keys) for vector in VECTORS)


def test_adding_all_takes_no_key_twice() -> None:
    graph = GraphIndex(16)
    graph.add(5, VECTORS[5])
    with pytest.raises(ValueError, match="an entry 5 already"):
        graph.add_all(np.arange(10), VECTORS[:10], threads=1)
