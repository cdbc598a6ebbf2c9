"""Weighs what speaks for giving a stored answer to a new question."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, sqrt

import numpy as np
from numpy.typing import NDArray

from turnout.router.cache.semantic.index import Neighbours
from turnout.router.cache.semantic.literals import Literals, find_conflicts

FEATURES = (
    ("one", 0), ("similarity", -1), ("margin", -1), ("vote", -1), ("agreement", -1), ("is_unanimous", 0), ("density", 0), ("rarity_unshared", 1),
    ("rarest_unshared", 1), ("length_ratio", -1), ("number", 1), ("name", 1), ("past_errors", 1), ("entries", 0), ("cluster_similarity", -1),
    ("cluster_margin", -1), ("other_conflicts", 1),
)  # fmt: skip
"""
What `Evidence.features` holds, in its order, and which way each may count: 1 where more of it never makes a hit safer, -1 where more never makes it
riskier.

Without that, three right answers in spite of another number taught that other numbers are safe; and what is served is hardly ever judged again.
"""

_VOTE_SHARPNESS = 20.0  # a neighbour 0.05 further away has e^-1 of the vote
_LEAST_LIKELY = (0.3, 3.0)  # an answer never judged counts as wrong in one of ten
_MOST_WORDS = 200_000


@dataclass(frozen=True, slots=True)
class Question:
    """
    A question as the semantic tier sees it.

    Attributes:
        vector: float32 (d,), of length 1.
        literals: of its text.
    """

    vector: NDArray[np.float32]
    literals: Literals


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    What speaks for an entry.

    Attributes:
        key: of the entry.
        answer: the identity of its answer.
        similarity: the cosine.
        conflicts: reason codes of `literals`.
        features: numbers around 0 to 3, as `FEATURES` names them.
    """

    key: int
    answer: int
    similarity: float
    conflicts: tuple[str, ...]
    features: tuple[float, ...]


@dataclass(slots=True)
class _Cluster:
    """All entries with one answer, and how often it was right when it was proposed."""

    total: NDArray[np.float32]
    entries: int = 0
    rights: int = 0
    wrongs: int = 0


class Knowledge:
    """
    Owner of what is known of entries and answers in one namespace; as large as the index beside it.

    Entries whose answers are identical belong together: whether neighbours agree, and how far the nearest other answer is, says more than one cosine.
    """

    def __init__(self) -> None:
        self._entries: dict[int, tuple[int, Question]] = {}
        self._clusters: dict[int, _Cluster] = {}
        self._occurrences: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<Knowledge {len(self._entries)} entries, {len(self._clusters)} answers>"

    def add(self, key: int, question: Question, answer: int) -> None:
        """
        Learns of a new entry.

        Raises:
            ValueError: there is one by this key.
        """
        if key in self._entries:
            raise ValueError(f"there is an entry {key!r} already: remove it first")
        self._entries[key] = answer, question
        cluster = self._clusters.get(answer)
        if cluster is None:
            cluster = self._clusters[answer] = _Cluster(np.zeros_like(question.vector))
        cluster.total += question.vector
        cluster.entries += 1
        self._count_words(question.literals)

    def remove(self, key: int) -> bool:
        """Forgets an entry, and its answer with the last one that has it; whether there was one."""
        found = self._entries.pop(key, None)
        if found is None:
            return False
        answer, question = found
        cluster = self._clusters[answer]
        cluster.total -= question.vector
        cluster.entries -= 1
        if not cluster.entries:
            del self._clusters[answer]
        for word in question.literals.vocabulary & self._occurrences.keys():
            self._occurrences[word] -= 1
            if not self._occurrences[word]:
                del self._occurrences[word]
        return True

    def note(self, answer: int, is_right: bool) -> None:
        """Counts that an answer was judged as proposed for a question."""
        cluster = self._clusters.get(answer)
        if cluster is not None and is_right:
            cluster.rights += 1
        elif cluster is not None:
            cluster.wrongs += 1

    def get_answer(self, key: int) -> int:
        """
        The identity of an entry's answer.

        Raises:
            KeyError: there's no such entry.
        """
        return self._entries[key][0]

    def weigh(self, question: Question, neighbours: Neighbours) -> Evidence | None:
        """The evidence for the answer on which most of the near neighbours agree; None where there are none."""
        keys, cosines = neighbours.keys.tolist(), neighbours.cosines.tolist()
        near = [(self._entries[key][0], key, cosine) for key, cosine in zip(keys, cosines, strict=True)]
        if not near:
            return None
        votes = _count_votes(near)
        answer = max(votes, key=lambda known: votes[known])
        agreeing = [(key, cosine) for known, key, cosine in near if known == answer]
        key, similarity = agreeing[0]
        second = next((cosine for known, _, cosine in near if known != answer), cosines[-1])
        stored = self._entries[key][1].literals
        conflicts = find_conflicts(question.literals, stored)
        features = (
            1.0,
            similarity,
            similarity - second,
            votes[answer] / sum(votes.values()),
            log((len(agreeing) + 0.5) / (len(near) - len(agreeing) + 0.5)),
            float(len(agreeing) == len(near)),
            cosines[-1],
            *self._compare_words(question.literals, stored),
            float("number" in conflicts),
            float("name" in conflicts),
            self._recall_errors(answer),
            log(len(self._entries)) / 5,
            *self._compare_clusters(question.vector, votes, answer, cosines[-1]),
            float(len(conflicts)) / 3,
        )
        return Evidence(key, answer, similarity, conflicts, features)

    def _count_words(self, literals: Literals) -> None:
        is_full = len(self._occurrences) >= _MOST_WORDS
        for word in literals.vocabulary:
            if not is_full or word in self._occurrences:
                self._occurrences[word] = self._occurrences.get(word, 0) + 1

    def _compare_words(self, a: Literals, b: Literals) -> tuple[float, float, float]:
        """How much of the rarity of all words isn't shared, how rare the rarest unshared one is, and the ratio of lengths."""
        ceiling = log(len(self._entries) + 1)
        count = self._occurrences.get
        unshared = [ceiling - log(count(word, 0) + 1) for word in a.vocabulary ^ b.vocabulary]
        shared = sum(ceiling - log(count(word, 0) + 1) for word in a.vocabulary & b.vocabulary)
        total = sum(unshared)
        longer = max(a.length, b.length, 1)
        return total / (total + shared + 1e-9), max(unshared, default=0.0) / 8, min(a.length, b.length) / longer

    def _recall_errors(self, answer: int) -> float:
        cluster = self._clusters[answer]
        wrong, judged = _LEAST_LIKELY
        return log((cluster.wrongs + wrong) / (cluster.wrongs + cluster.rights + judged)) / 3

    def _compare_clusters(
        self, vector: NDArray[np.float32], votes: dict[int, float], answer: int, furthest: float
    ) -> tuple[float, float]:
        """The cosine with the middle of the answer's entries, and how much nearer it is than that of any other answer."""
        own, nearest_other = 0.0, None
        for known in votes:
            total = self._clusters[known].total
            cosine = float(total @ vector) / sqrt(float(total @ total) + 1e-12)
            if known == answer:
                own = cosine
            elif nearest_other is None or cosine > nearest_other:
                nearest_other = cosine
        return own, own - (min(own, furthest) if nearest_other is None else nearest_other)


def _count_votes(near: Sequence[tuple[int, int, float]]) -> dict[int, float]:
    """By answer; the nearest neighbour has one vote, others less."""
    nearest = near[0][2]
    votes: dict[int, float] = {}
    for answer, _, cosine in near:
        votes[answer] = votes.get(answer, 0.0) + exp((cosine - nearest) * _VOTE_SHARPNESS)
    return votes
