"""A set of questions with all that a replay looks up, made once for all orders."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.embeddings import embed
from turnout.benchmarks.scenarios.cache.streams.questions import Questions
from turnout.router.cache.semantic.index import NEIGHBOURS, Neighbours
from turnout.router.cache.semantic.literals import Literals, read_literals

_KEPT = 1024
_LOOKED_AT = (64, 256, _KEPT)
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Stream:
    """
    Questions, embedded and read.

    Attributes:
        name: of the set.
        answers: n numbers; equal where questions may share an answer.
        literals: n of them.
        vectors: float32 (n, d).
        near: int32 (n, k): the k nearest of all other questions, the nearest first.
        cosines: float32 (n, k), theirs.
    """

    name: str
    answers: tuple[int, ...]
    literals: tuple[Literals, ...]
    vectors: NDArray[np.float32]
    near: NDArray[np.int32]
    cosines: NDArray[np.float32]

    def find_stored(self, at: int, is_stored: NDArray[np.bool_]) -> Neighbours:
        """
        The eight nearest of the questions that are stored.

        Looked up among the nearest of all, which is what a search of the index would find: with fewer than eight stored among 1,024, those there are.
        """
        places = np.empty(0, np.int64)
        for count in _LOOKED_AT:
            places = np.flatnonzero(is_stored[self.near[at, :count]])
            if len(places) >= NEIGHBOURS:
                break
        places = places[:NEIGHBOURS]
        return Neighbours(self.near[at, places].astype(np.int64), self.cosines[at, places])


def prepare(questions: Questions, say: Callable[[str], None]) -> Stream:
    """Embeds and compares all questions of a set with each other."""
    vectors = embed(questions.texts, say)
    near, cosines = _find_nearest(vectors, min(_KEPT, len(vectors) - 1))
    literals = tuple(map(read_literals, questions.texts))
    return Stream(questions.name, questions.answers, literals, vectors, near, cosines)


def shuffle(stream: Stream, seed: int, has_drift: bool) -> list[int]:
    """
    An order in which every question is asked once.

    Args:
        stream: whose questions.
        seed: of the order.
        has_drift: two thirds of the answers aren't asked for before a moment of their own in the first 70 % of the stream.
    """
    randomness = np.random.default_rng(seed)
    count = len(stream.answers)
    if not has_drift:
        return randomness.permutation(count).tolist()
    answers = np.array(stream.answers)
    begins = randomness.random(answers.max() + 1) * 0.7
    begins[randomness.random(len(begins)) < 1 / 3] = 0.0
    moments = begins[answers] + (1 - begins[answers]) * randomness.random(count)
    order: list[int] = np.argsort(moments, kind="stable").tolist()
    return order


def _find_nearest(vectors: NDArray[np.float32], kept: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    near = np.empty((len(vectors), kept), np.int32)
    cosines = np.empty((len(vectors), kept), np.float32)
    for start in range(0, len(vectors), _BLOCK):
        block = vectors[start : start + _BLOCK] @ vectors.T
        rows = np.arange(len(block))
        block[rows, start + rows] = -2.0  # a question isn't its own neighbour
        nearest = np.argpartition(-block, kept - 1, axis=1)[:, :kept]
        found = np.take_along_axis(block, nearest, 1)
        order = np.argsort(-found, axis=1, kind="stable")
        near[start : start + _BLOCK] = np.take_along_axis(nearest, order, 1)
        cosines[start : start + _BLOCK] = np.take_along_axis(found, order, 1)
    return near, cosines
