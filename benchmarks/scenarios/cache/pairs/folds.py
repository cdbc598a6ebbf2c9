"""Chooses thresholds on some topics and counts hits on others."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

FOLDS = 5
MOST_WRONG = 0.01


@dataclass(frozen=True, slots=True)
class Judged:
    """
    A pair and what a policy says of it.

    Attributes:
        risk: the lower, the sooner it's served.
        is_same: whether one answer does for both.
        topic: the fold that it's in.
    """

    risk: float
    is_same: bool
    topic: int


@dataclass(frozen=True, slots=True)
class Rate:
    """
    What comes of serving every pair below the threshold that the other folds chose.

    Attributes:
        share: of the same ones, served.
        wrong: others that were served.
        others: how many there are.
        thresholds: by fold.
    """

    share: float
    wrong: int
    others: int
    thresholds: tuple[float, ...]


def split_topics(pairs: Sequence[tuple[str, str]]) -> list[int]:
    """A fold for each pair; pairs that share a question, however indirectly, share the fold."""
    owner: dict[str, str] = {}

    def find(text: str) -> str:
        while owner.setdefault(text, text) != text:
            text = owner[text]
        return text

    for a, b in pairs:
        first, second = sorted((find(a), find(b)))
        owner[second] = first
    return [hashlib.blake2b(find(a).encode(), digest_size=4).digest()[0] % FOLDS for a, _ in pairs]


def find_rate(judged: Sequence[Judged]) -> Rate:
    """Hits and wrong ones over all folds."""
    thresholds = tuple(
        choose_threshold([each.risk for each in judged if each.topic != fold and not each.is_same])
        for fold in range(FOLDS)
    )
    served = [each for each in judged if each.risk < thresholds[each.topic]]
    same = sum(each.is_same for each in judged)
    hits = sum(each.is_same for each in served)
    return Rate(hits / max(1, same), len(served) - hits, len(judged) - same, thresholds)


def choose_threshold(risks_of_others: Sequence[float]) -> float:
    """
    The largest risk that, of pairs like these, serves at most one in a hundred of those with other answers; the least of all where there are fewer
    than two hundred of them.

    Source: conformal risk control (Angelopoulos et al. 2022): with k of n served, a new one is served with probability (k + 1) / (n + 1) at most.
    """
    ordered = sorted(risks_of_others)
    allowed = int(MOST_WRONG * (len(ordered) + 1)) - 1
    return ordered[max(0, allowed)] if ordered else 0.0


def draw_curve(judged: Sequence[Judged]) -> list[tuple[float, float]]:
    """The share of others served, and of same ones, at each threshold."""
    same = sum(each.is_same for each in judged)
    others = len(judged) - same
    wrong = hits = 0
    points = [(0.0, 0.0)]
    for each in sorted(judged, key=lambda each: (each.risk, each.is_same)):
        hits, wrong = hits + each.is_same, wrong + (not each.is_same)
        points.append((wrong / max(1, others), hits / max(1, same)))
    return points
