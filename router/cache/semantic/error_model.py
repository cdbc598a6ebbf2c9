"""Learns from judged pairs how probably a proposed answer is wrong."""

from collections.abc import Sequence
from math import exp, sqrt

import numpy as np
from numpy.typing import NDArray

from turnout.router.cache.semantic.chances import bound_rate_events
from turnout.router.cache.semantic.judgement import JudgeNoise

_MOST_LABELS = 8192
_MOST_TRAFFIC = 2048
_FIRST_ROUNDS, _ROUNDS = 12, 4  # of Newton's method; each fit starts where the last one ended
_LARGEST_STEP = 2.0
_LEAST_SPREAD = 0.2  # so that what's rare needs more labels to weigh much
_RELEVANT = 4.0  # the model is held to what it says of pairs up to this many times the allowed rate
_RATIO_Z = 0.85
_SUSPICION_Z = 2.326
_LEAST_RATIO = 0.7
_FLOOR = 0.0005  # however good it looks: public sets have one mislabelled question in some hundreds


class ErrorModel:
    """
    Owner of the last 8,192 judged pairs and of a logistic model of their errors, pooled over all entries.

    Two models are fitted, each to every other label, and each is held to the labels that it hasn't seen: `ratio` bounds from above how many times
    more errors there are than they say. Old labels fade, for an index that grows finds nearer neighbours.

    The ridge makes the best pairs look somewhat worse than they are, on the safe side.

    Source: logistic regression with a ridge by Newton's method, cross-fitted; labels of a judge that errs by expectation, as Dawid and Skene (1979).
    """

    def __init__(self, signs: Sequence[int], max_error_rate: float, noise: JudgeNoise) -> None:
        width = len(signs)
        self._signs = np.array(signs)
        self._features = np.zeros((_MOST_LABELS, width))
        self._wrong = np.zeros(_MOST_LABELS)
        self._labels = 0
        self._traffic = np.zeros((_MOST_TRAFFIC, width))
        self._seen = 0
        self._halves = (np.zeros(width), np.zeros(width))
        self._weights: list[float] = []
        self._floor = 1.0
        self._max_error_rate, self._noise = max_error_rate, noise
        self.ratio = float("inf")

    def __repr__(self) -> str:
        return f"<ErrorModel {self._labels} labels, ratio {self.ratio:.2f}>"

    @property
    def labels(self) -> int:
        """How many it has had."""
        return self._labels

    def see(self, features: Sequence[float]) -> None:
        """Notes a pair that was proposed, whether or not it's ever judged."""
        self._traffic[self._seen % _MOST_TRAFFIC] = features
        self._seen += 1

    def add(self, features: Sequence[float], is_wrong: bool) -> None:
        """Takes a judged pair; it counts from the next `fit` on."""
        at = self._labels % _MOST_LABELS
        self._features[at], self._wrong[at] = features, is_wrong
        self._labels += 1

    def estimate(self, features: Sequence[float]) -> float:
        """The probability that the answer is wrong; 1.0 before the first `fit`."""
        if not self._weights:
            return 1.0
        score = sum(map(float.__mul__, self._weights, features))
        return self._floor + (1 - self._floor) / (1 + exp(-max(-30.0, min(30.0, score))))

    def fit(self) -> list[float]:
        """Fits anew, in some milliseconds; returns what the model now says of the last 2,048 proposed pairs, rising."""
        count = min(self._labels, _MOST_LABELS)
        ages = (self._labels - 1 - np.arange(count)) % _MOST_LABELS
        fading = 0.5 ** (ages / max(500.0, count))
        features, wrong = self._features[:count], self._wrong[:count]
        middle, spread = features.mean(0), np.maximum(features.std(0), _LEAST_SPREAD)
        middle[0], spread[0] = 0.0, 1.0
        scaled = (features - middle) / spread
        self._floor = _FLOOR + 0.5 / count
        unseen = np.empty(count)
        for half, start in enumerate((0, 1)):
            mine, other = slice(start, None, 2), slice(1 - start, None, 2)
            weights = self._halves[half]
            for _ in range(_ROUNDS if self._weights else _FIRST_ROUNDS):
                weights = self._step(weights, scaled[mine], wrong[mine], fading[mine])
            self._halves[half][:] = weights
            unseen[other] = self._floor + (1 - self._floor) * _squash(scaled[other] @ weights)
        joint = (self._halves[0] + self._halves[1]) / 2 / spread
        joint[0] -= float(joint[1:] @ middle[1:])
        self._weights = joint.tolist()
        self.ratio = self._hold(unseen, wrong, fading)
        proposed = self._traffic[: min(self._seen, _MOST_TRAFFIC)] @ joint
        said: list[float] = np.sort(self._floor + (1 - self._floor) * _squash(proposed)).tolist()
        return said

    def _step(
        self, weights: NDArray[np.float64], features: NDArray[np.float64], judged: NDArray[np.float64], fading: NDArray[np.float64]
    ) -> NDArray[np.float64]:  # fmt: skip
        said = _squash(features @ weights)
        truth = judged if self._noise.is_exact else self._believe(judged, said)
        ridge = np.ones(len(weights))
        ridge[0] = 1e-3
        slope = features.T @ (fading * (truth - said)) - ridge * weights
        curvature = (features * (fading * np.maximum(said * (1 - said), 1e-4))[:, None]).T @ features + np.diag(ridge)
        is_free = ~((self._signs != 0) & (weights == 0) & (slope * self._signs <= 0))
        step = np.zeros(len(weights))
        step[is_free] = np.linalg.solve(curvature[np.ix_(is_free, is_free)], slope[is_free])
        moved = weights + step * min(1.0, _LARGEST_STEP / (float(np.abs(step).max()) + 1e-12))
        return np.where(moved * self._signs < 0, 0.0, moved)

    def _believe(self, judged: NDArray[np.float64], said: NDArray[np.float64]) -> NDArray[np.float64]:
        """How probably each pair is truly wrong, by the model and by a judge that errs."""
        rejects = sum(self._noise.rejects_right) / 2
        accepts = sum(self._noise.accepts_wrong) / 2
        if_wrong = np.where(judged > 0, 1 - accepts, accepts) * said
        if_right = np.where(judged > 0, rejects, 1 - rejects) * (1 - said)
        return np.asarray(if_wrong / (if_wrong + if_right + 1e-12))

    def _hold(self, said: NDArray[np.float64], wrong: NDArray[np.float64], fading: NDArray[np.float64]) -> float:
        order = np.argsort(said)
        expected = np.cumsum((said * fading)[order])
        found = np.cumsum((wrong * fading)[order])
        labels = np.cumsum(fading[order])
        last = max(0, int(np.count_nonzero(said < _RELEVANT * self._max_error_rate)) - 1)
        ratio = max(_LEAST_RATIO, self._most(float(found[last]), float(labels[last])) / float(expected[last]))
        for share in (0.1, 0.25, 0.5):  # among the best pairs, too, there mustn't be more than it says
            place = min(int(np.count_nonzero(expected < share * expected[last])), last)
            ratio = max(ratio, self.at_least(float(found[place]), float(labels[place])) / float(expected[place]))
        return ratio

    def _most(self, found: float, labels: float) -> float:
        """The errors that `found` judgements leave plausible; what the judge surely rejected without reason is taken off."""
        if self._noise.is_exact:
            return bound_rate_events(found, _RATIO_Z)
        spread = sqrt(found + 1) * _SUSPICION_Z
        return max(0.5, (found + spread + 1 - labels * self._noise.rejects_right[0]) / self._noise.clarity)

    def at_least(self, found: float, labels: float) -> float:
        """The errors that `found` judgements of `labels` prove."""
        if self._noise.is_exact:
            return bound_rate_events(found, -_SUSPICION_Z)
        surplus = bound_rate_events(found, -_SUSPICION_Z) - labels * self._noise.rejects_right[1]
        return max(0.0, surplus / self._noise.clarity)


def _squash(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 / (1 + np.exp(-np.clip(scores, -30, 30))))
