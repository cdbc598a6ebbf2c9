"""The ways to turn scores into a choice."""

import random
from collections import OrderedDict
from collections.abc import Sequence
from itertools import accumulate

from turnout.router.plan.fleet import Candidate

MOST_REMEMBERED = 4096
"""Endpoints whose last turn round robin remembers; beyond that the oldest is forgotten, and has its turn early."""


class Best:
    """The highest score; between equals the one with fewest in flight, and between those any."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng.random

    def pick(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> int:
        """See `Picker`."""
        best = max(scores)
        return min(
            (at for at, score in enumerate(scores) if score == best),
            key=lambda at: (candidates[at].in_flight, self._random()),
        )


class NearBest:
    """Any of those whose score is within a margin of the highest: with the same numbers before them, several routers don't run to one place."""

    def __init__(self, rng: random.Random, margin: float = 0.05) -> None:
        self._random = rng.random
        self._margin = margin

    def pick(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> int:
        """See `Picker`."""
        del candidates
        enough = max(scores) - self._margin
        near = [at for at, score in enumerate(scores) if score >= enough]
        return near[int(self._random() * len(near))]


class Proportional:
    """Drawn, each as often as its score says."""

    def __init__(self, rng: random.Random) -> None:
        self._random = rng.random

    def pick(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> int:
        """See `Picker`."""
        del candidates
        sums = list(accumulate(scores))
        drawn = self._random() * sums[-1]
        return next((at for at, reached in enumerate(sums) if drawn < reached), len(sums) - 1)


class TwoChoices:
    """
    The better of two drawn at random; between equals, the first drawn.

    Source: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing (2001). With stale or equal numbers it spreads, where taking the best
    would send every router's requests to the same place.
    """

    def __init__(self, rng: random.Random) -> None:
        self._random = rng.random

    def pick(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> int:
        """See `Picker`."""
        del candidates
        n = len(scores)
        first = int(self._random() * n)
        second = (first + 1 + int(self._random() * (n - 1))) % n
        return second if scores[second] > scores[first] else first


class LongestAgo:
    """
    Owns whose turn was when: the one picked longest ago, so that all have theirs, also when some are missing for a while.

    Bounded by MOST_REMEMBERED.
    """

    def __init__(self) -> None:
        self._turns: OrderedDict[tuple[str, str], int] = OrderedDict()
        self._turn = 0

    def __repr__(self) -> str:
        return f"<LongestAgo {len(self._turns)} endpoints, turn {self._turn}>"

    def pick(self, candidates: Sequence[Candidate], scores: Sequence[float]) -> int:
        """See `Picker`; scores don't count."""
        del scores
        names = [(c.target.name, c.endpoint.id) for c in candidates]
        at = min(range(len(names)), key=lambda at: self._turns.get(names[at], 0))
        self._turn += 1
        self._turns[names[at]] = self._turn
        self._turns.move_to_end(names[at])
        if len(self._turns) > MOST_REMEMBERED:
            self._turns.popitem(last=False)
        return at
