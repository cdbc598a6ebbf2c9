"""Who decides whether a stored answer is given: ours, a fixed threshold, and one that learns each entry's own."""

import random
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.scenarios.cache.streams.stream import Stream
from turnout.router.cache.semantic.decision import Bound, Decision, Verdict
from turnout.router.cache.semantic.evidence import Evidence, Knowledge, Question
from turnout.router.cache.semantic.index import Neighbours


@dataclass(frozen=True, slots=True)
class Proposal:
    """
    What a policy makes of a question.

    Attributes:
        key: the entry whose answer it would give.
        is_hit: it gives it.
        is_audited: it gives it, and asks for a fresh one.
    """

    key: int
    is_hit: bool
    is_audited: bool = False


class Policy(Protocol):
    """Decides, and learns only what a cache could know: judgements of misses and audits, never of other hits."""

    def propose(self, at: int, neighbours: Neighbours) -> Proposal | None:
        """What to do with question `at`; None where nothing is stored near it."""
        ...

    def learn(self, proposal: Proposal, is_right: bool) -> None:
        """Takes the judgement of its last proposal, once the fresh answer is there."""
        ...

    def store(self, at: int, answer: int) -> None:
        """Takes a question and the identity of its fresh answer."""
        ...


class Pooled:
    """Ours."""

    def __init__(self, stream: Stream, bound: Bound, randomness: random.Random) -> None:
        self._stream = stream
        self._knowledge = Knowledge()
        self._decision = Decision(bound, randomness)
        self._last: tuple[Evidence, Verdict] | None = None

    def propose(self, at: int, neighbours: Neighbours) -> Proposal | None:
        """By the evidence of the eight nearest."""
        evidence = self._knowledge.weigh(self._question(at), neighbours)
        if evidence is None:
            return None
        verdict = self._decision.decide(evidence)
        self._last = evidence, verdict
        return Proposal(evidence.key, verdict.is_hit, verdict.is_audited)

    def learn(self, proposal: Proposal, is_right: bool) -> None:
        """Tells both what was proposed."""
        assert self._last is not None
        evidence, verdict = self._last
        assert evidence.key == proposal.key
        self._decision.learn(evidence, verdict, is_right)
        self._knowledge.note(evidence.answer, is_right)

    def store(self, at: int, answer: int) -> None:
        """Adds an entry."""
        self._knowledge.add(at, self._question(at), answer)

    def _question(self, at: int) -> Question:
        return Question(self._stream.vectors[at], self._stream.literals[at])


class FixedThreshold:
    """
    The nearest entry's answer if its cosine is at least a number that was set once.

    Source: what GPTCache and its likes do; 0.8 is a common default.
    """

    def __init__(self, threshold: float = 0.8) -> None:
        self._threshold = threshold

    def propose(self, at: int, neighbours: Neighbours) -> Proposal | None:
        """By the nearest alone."""
        del at
        if not len(neighbours.keys):
            return None
        return Proposal(int(neighbours.keys[0]), float(neighbours.cosines[0]) >= self._threshold)

    def learn(self, proposal: Proposal, is_right: bool) -> None:
        """Nothing."""

    def store(self, at: int, answer: int) -> None:
        """Nothing."""


class PerEntry:
    """
    Learns for each entry by itself how near a question must be, and asks anew as often as what it doesn't know yet demands.

    Each entry has a logistic curve over the cosine, of which every pair of place and slope on a grid is believed as far as the entry's own judgements
    allow. With p, the probability of being right that 95 % of these beliefs exceed, the answer is given with probability `max_error_rate / (1 - p)`.

    Source: own implementation of the idea in Schroeder et al., vCache (2025), from what abstract and summaries tell of it.
    """

    def __init__(self, max_error_rate: float, randomness: random.Random) -> None:
        self._max_error_rate = max_error_rate
        self._random = randomness.random
        places, slopes = np.meshgrid(np.linspace(0.4, 1.2, 33), np.geomspace(5, 200, 8))
        self._places, self._slopes = places.ravel(), slopes.ravel()
        self._beliefs: dict[int, NDArray[np.float64]] = {}
        self._cosine = 0.0

    def propose(self, at: int, neighbours: Neighbours) -> Proposal | None:
        """By the nearest, and what its own curve leaves plausible."""
        del at
        if not len(neighbours.keys):
            return None
        key, self._cosine = int(neighbours.keys[0]), float(neighbours.cosines[0])
        belief = self._beliefs.get(key)
        if belief is None:
            return Proposal(key, False)
        rights = self._curve(self._cosine)
        order = np.argsort(rights)
        weights = np.exp(belief - belief.max())[order]
        place = int(np.searchsorted(np.cumsum(weights), 0.05 * weights.sum()))
        wrong = 1 - float(rights[order][place])
        return Proposal(key, self._random() * wrong < self._max_error_rate)

    def learn(self, proposal: Proposal, is_right: bool) -> None:
        """Moves the entry's beliefs."""
        rights = self._curve(self._cosine)
        belief = self._beliefs.setdefault(proposal.key, np.zeros(len(self._places)))
        belief += np.log(rights if is_right else 1 - rights)

    def store(self, at: int, answer: int) -> None:
        """Nothing: an entry without judgements gives no answers."""

    def _curve(self, cosine: float) -> NDArray[np.float64]:
        scores = np.clip(self._slopes * (cosine - self._places), -20, 20)
        return np.asarray(1 / (1 + np.exp(-scores)))
