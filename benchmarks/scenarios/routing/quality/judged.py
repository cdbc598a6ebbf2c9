"""Predictions of ours and of the simple ones for every question, each made without having seen it."""

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.scenarios.routing.quality.baselines import (
    Predict,
    predict_by_logistic_regression,
    predict_by_neighbours,
)
from turnout.router.quality.assess import cross_validate, split
from turnout.router.quality.fit import Table

FOLDS = 5
_INNER_FOLDS = 5
_SIMPLE: dict[str, Predict] = {
    "nearest neighbours": predict_by_neighbours,
    "logistic regression": predict_by_logistic_regression,
}
OURS, OURS_LEXICAL = "ours", "ours without embeddings"


def predict_held_out(table: Table, seed: int) -> dict[str, NDArray[np.float64]]:
    """Qualities (n, m) by predictor, each of 5 folds predicted from the other four; the same folds for all."""
    held_out = cross_validate(table, FOLDS, {}, "minilm", np.random.default_rng(seed))
    found = {OURS: held_out.full, OURS_LEXICAL: held_out.lexical}
    for name, predict in _SIMPLE.items():
        qualities = np.zeros_like(table.scores)
        randomness = np.random.default_rng(seed)
        for held in split(len(table.scores), FOLDS, randomness):
            seen = np.setdiff1d(np.arange(len(table.scores)), held)
            inner = np.random.default_rng(seed).permutation(len(seen)) % _INNER_FOLDS
            qualities[held] = predict(table.take(seen), table.take(held), inner)
        found[name] = qualities
    return found
