"""Power of two choices: of two endpoints drawn at random, the one with less in flight for its weight."""

import random
from collections.abc import Sequence

from turnout.router.plan.fleet import Candidate
from turnout.router.plan.residency import ResidencyFilter
from turnout.router.plan.strategy import Strategy
from turnout.router.values import Features


class InFlightScorer:
    """Fewer attempts in flight for the weight is better: `1 / (1 + in_flight / weight)`."""

    def score(self, candidates: Sequence[Candidate], features: Features) -> Sequence[float]:
        """1.0 for an idle endpoint, falling towards 0."""
        del features
        return [1.0 / (1.0 + c.in_flight / c.target.weight) for c in candidates]


class TwoChoicesPicker:
    """
    The better of two drawn at random; between equals, the first drawn.

    Source: Mitzenmacher, The Power of Two Choices in Randomized Load Balancing (2001). With stale or equal numbers it spreads, where taking the best
    would send every router's requests to the same place.
    """

    def __init__(self, rng: random.Random) -> None:
        self._random = rng.random

    def pick(self, scores: Sequence[float]) -> int:
        """An index of the n >= 2 scores."""
        n = len(scores)
        first = int(self._random() * n)
        second = (first + 1 + int(self._random() * (n - 1))) % n
        return second if scores[second] > scores[first] else first


def power_of_two(rng: random.Random) -> Strategy:
    """The strategy by this name."""
    return Strategy("power_of_two", (ResidencyFilter(),), InFlightScorer(), TwoChoicesPicker(rng), rng.random)
