"""How long it takes to find the nearest of 100,000 entries."""

import hashlib
import os
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.load.compiler import cache_folder
from turnout.benchmarks.reporting import say
from turnout.benchmarks.rounds import quantile
from turnout.benchmarks.scenarios.cache.setup import CacheSetup
from turnout.benchmarks.scenarios.setup import NotMeasurable
from turnout.router.cache.semantic.index import NEIGHBOURS
from turnout.router.cache.semantic.layers import GraphIndex, LayeredIndex

ENTRIES = 100_000
RECENT = 2_000
DIMENSIONS = 384
TOPICS = 2_000
SPREAD = 0.9
CHECKED = 200


def measure_lookup(setup: CacheSetup) -> Findings:
    """`lookup_100k_p99_ms`: searches of a layered index, whose graph is built once and kept on disk; and how many true neighbours they find."""
    vectors, questions = make_vectors(setup.seed, ENTRIES, setup.amount.lookups)
    try:
        graph = _open_graph(setup.seed, vectors[RECENT:])
    except ImportError:
        raise NotMeasurable("needs usearch: pip install 'turnout[cache]'") from None
    index = LayeredIndex(DIMENSIONS, graph=graph)
    for key, vector in enumerate(vectors[:RECENT]):
        index.add(ENTRIES + key, vector)
    times_ms = []
    for question in questions:
        began = time.perf_counter()
        index.search(question)
        times_ms.append((time.perf_counter() - began) * 1e3)
    recall = _measure_recall(index, vectors, questions[:CHECKED])
    middle = quantile(times_ms, 0.5)
    remark = f"median {middle:.3f} ms; {recall:.4f} of the true eight found, of {len(index):,} entries"
    return Findings([Finding("lookup_100k_p99_ms", quantile(times_ms, 0.99), remark)], {"lookup_ms": times_ms})


def make_vectors(seed: int, entries: int, questions: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Unit vectors around common topics, for sentences aren't spread evenly either: those that are stored, and those that are asked."""
    randomness = np.random.default_rng(seed)
    topics = randomness.standard_normal((TOPICS, DIMENSIONS), dtype=np.float32)
    count = entries + questions
    vectors = topics[randomness.integers(0, TOPICS, count)]
    vectors += SPREAD * randomness.standard_normal((count, DIMENSIONS), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors[:entries], vectors[entries:]


def _open_graph(seed: int, vectors: NDArray[np.float32]) -> GraphIndex:
    digest = hashlib.blake2b(vectors[:64].tobytes(), digest_size=8).hexdigest()
    folder = cache_folder(os.environ) / "indexes" / f"{len(vectors)}-{seed}-{digest}"
    if folder.is_dir():
        return GraphIndex.load(folder, DIMENSIONS)
    say(f"  building a graph of {len(vectors):,} entries, once on this machine")
    graph = GraphIndex(DIMENSIONS)
    graph.add_all(np.arange(len(vectors)), vectors, threads=os.cpu_count() or 1)
    part = Path(f"{folder}.{os.getpid()}")
    part.mkdir(parents=True)
    graph.save(part)
    part.rename(folder)
    return graph


def _measure_recall(index: LayeredIndex, vectors: NDArray[np.float32], questions: NDArray[np.float32]) -> float:
    found = 0
    for question in questions:
        true = np.argpartition(vectors @ question, -NEIGHBOURS)[-NEIGHBOURS:].tolist()
        keys = index.search(question).keys.tolist()
        found += len(set(true) & {key - ENTRIES if key >= ENTRIES else key + RECENT for key in keys})
    return found / len(questions) / NEIGHBOURS
