"""The simple predictors that ours is compared with, on the same folds."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from turnout.router.quality.fit import Table

Predict = Callable[[Table, Table, NDArray[np.int64]], NDArray[np.float64]]
"""Qualities (n, m) for the second table's prompts, learned from the first's, whose inner folds the last argument gives by row."""

_NEIGHBOURS = (5, 10, 20, 50, 100)
_STRENGTHS = (0.03, 0.1, 0.3, 1.0)
_NEWTON_ROUNDS = 6


def predict_by_neighbours(seen: Table, asked: Table, inner: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean of the nearest labelled prompts by cosine; how many, by inner folds."""

    def predict(seen: Table, asked: Table, count: float) -> NDArray[np.float64]:
        near = asked.embeddings @ seen.embeddings.T
        nearest = np.argpartition(-near, int(count), axis=1)[:, : int(count)]
        return np.asarray(seen.scores[nearest].mean(axis=1))

    return _pick_best(predict, _NEIGHBOURS, seen, asked, inner)


def predict_by_logistic_regression(seen: Table, asked: Table, inner: NDArray[np.int64]) -> NDArray[np.float64]:
    """A logistic regression a model on the embedding alone; its strength, by inner folds."""

    def predict(seen: Table, asked: Table, strength: float) -> NDArray[np.float64]:
        columns = np.hstack((np.ones((len(seen.scores), 1)), seen.embeddings)).astype(np.float64)
        rows = np.hstack((np.ones((len(asked.scores), 1)), asked.embeddings)).astype(np.float64)
        penalty = np.eye(columns.shape[1]) / strength
        penalty[0, 0] = 1e-6
        return np.stack([1 / (1 + np.exp(-rows @ _regress(columns, y, penalty))) for y in seen.scores.T], axis=1)

    return _pick_best(predict, _STRENGTHS, seen, asked, inner)


def _regress(
    columns: NDArray[np.float64], scores: NDArray[np.float64], penalty: NDArray[np.float64]
) -> NDArray[np.float64]:
    """With the Hessian's upper bound in place of the Hessian (Böhning and Lindsay, 1988), so that one factor serves all rounds."""
    inverse = np.linalg.inv(columns.T @ columns / 4 + penalty)
    weights = np.zeros(columns.shape[1])
    for _ in range(_NEWTON_ROUNDS * 5):
        chances = 1 / (1 + np.exp(-columns @ weights))
        weights = weights + inverse @ (columns.T @ (scores - chances) - penalty @ weights)
    return weights


def _pick_best(
    predict: Callable[[Table, Table, float], NDArray[np.float64]],
    choices: tuple[float, ...],
    seen: Table,
    asked: Table,
    inner: NDArray[np.int64],
) -> NDArray[np.float64]:
    """By the squared error on one inner fold, which the choice's own fit hasn't seen."""
    held, rest = np.flatnonzero(inner == 0), np.flatnonzero(inner != 0)
    errors = [
        float(((predict(seen.take(rest), seen.take(held), choice) - seen.scores[held]) ** 2).mean())
        for choice in choices
    ]
    return predict(seen, asked, choices[int(np.argmin(errors))])
