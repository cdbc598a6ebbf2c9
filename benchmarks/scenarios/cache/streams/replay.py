"""Asks all questions of a stream of one policy, and counts what it got."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from turnout.benchmarks.scenarios.cache.streams.policies import Policy
from turnout.benchmarks.scenarios.cache.streams.stream import Stream
from turnout.router.cache.semantic.index import NEIGHBOURS, Neighbours
from turnout.router.cache.semantic.judgement import JudgeNoise, estimate_noise

_GOLD_PAIRS = 1000
_MOST_COMPARED = 3


@dataclass(frozen=True, slots=True)
class Tally:
    """
    What came of a stream.

    Attributes:
        asked: questions.
        hits: of these, answered from the cache.
        wrong: hits with another question's answer.
    """

    asked: int
    hits: int
    wrong: int

    def error(self, epsilon: float) -> float:
        """Wrong hits for each hit; below 1 / epsilon hits, one wrong one is what's allowed."""
        return self.wrong / max(self.hits, 1 / epsilon)


class Judge:
    """Compares answers, and errs in a share of cases."""

    def __init__(self, answers: Sequence[int], error_share: float, randomness: random.Random) -> None:
        self._answers, self._error_share, self._random = answers, error_share, randomness.random

    @property
    def is_exact(self) -> bool:
        """Whether it never errs, so that equal answers are known as equal."""
        return self._error_share == 0

    def are_same(self, a: int, b: int) -> bool:
        """Whether it takes the answers of two questions for the same."""
        return (self._answers[a] == self._answers[b]) != (self._random() < self._error_share)

    def calibrate(self) -> JudgeNoise:
        """What a thousand gold pairs of each kind say about it."""
        if self.is_exact:
            return JudgeNoise()
        rejected, accepted = (sum(self._random() < self._error_share for _ in range(_GOLD_PAIRS)) for _ in range(2))
        return estimate_noise(_GOLD_PAIRS, rejected, _GOLD_PAIRS, accepted)


def replay(stream: Stream, order: Sequence[int], policy: Policy, judge: Judge) -> Tally:
    """Every question in its order: a hit, or a miss whose fresh answer is stored and judged against what was proposed."""
    is_stored = np.zeros(len(stream.answers), dtype=np.bool_)
    identities: dict[int, int] = {}
    numbers = count(len(stream.answers))
    stored = hits = wrong = 0
    for at in order:
        near = stream.find_stored(at, is_stored)
        proposal = policy.propose(at, near) if stored >= NEIGHBOURS else None
        if proposal is not None and proposal.is_hit:
            hits += 1
            wrong += stream.answers[proposal.key] != stream.answers[at]
            if not proposal.is_audited:
                continue
        is_right = proposal is not None and judge.are_same(proposal.key, at)
        if proposal is not None:
            policy.learn(proposal, is_right)
            if proposal.is_hit and is_right:
                continue
        if judge.is_exact:
            identity = stream.answers[at]
        elif proposal is not None and is_right:
            identity = identities[proposal.key]
        else:
            identity = _find_identity(at, near, identities, judge)
            identity = next(numbers) if identity is None else identity
        identities[at] = identity
        policy.store(at, identity)
        is_stored[at] = True
        stored += 1
    return Tally(len(order), hits, wrong)


def _find_identity(at: int, near: Neighbours, identities: dict[int, int], judge: Judge) -> int | None:
    """Of the first answers nearby, the one that the judge takes for the same."""
    compared: set[int] = set()
    for key in near.keys.tolist():
        identity = identities[key]
        if identity in compared:
            continue
        if judge.are_same(key, at):
            return identity
        compared.add(identity)
        if len(compared) == _MOST_COMPARED:
            break
    return None
