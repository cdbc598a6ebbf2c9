"""Fits a predictor to labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.models.target import ModelCard
from turnout.router.quality.calibration import fit_curves
from turnout.router.quality.design import Design
from turnout.router.quality.heads import fit_heads
from turnout.router.quality.predictor import Mode, QualityPredictor
from turnout.router.quality.prior import Prior

CARD_ROWS = 20.0
"""Labels that a card is worth: with fewer, a model's mean is nearer to its card's than to its labels'."""


@dataclass(frozen=True, slots=True)
class Label:
    """
    One judged answer.

    Attributes:
        prompt: what was asked.
        model: who answered.
        score: 0 to 1, 1 good.
        weight: what it counts; 1 is one label.
    """

    prompt: str
    model: str
    score: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Table:
    """
    Labels by prompt and model.

    Attributes:
        models: m names.
        lexical: float32 (n, f), of `lexical.read`.
        embeddings: float32 (n, d), rows of length 1.
        scores: float64 (n, m), 0 to 1; 0 where there is no label.
        weights: float64 (n, m), 0 where there is no label.
    """

    models: tuple[str, ...]
    lexical: NDArray[np.float32]
    embeddings: NDArray[np.float32]
    scores: NDArray[np.float64]
    weights: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64]) -> "Table":
        """The same models, on some of the prompts."""
        return Table(self.models, self.lexical[rows], self.embeddings[rows], self.scores[rows], self.weights[rows])


def gather(labels: Sequence[Label]) -> tuple[list[str], tuple[str, ...], NDArray[np.float64], NDArray[np.float64]]:
    """
    The prompts and models that labels speak of, each once, in the order in which they come, with scores and weights, float64 (n, m), between them.

    Several labels of one answer become their weighted mean.
    """
    prompts = {label.prompt: None for label in labels}
    models = {label.model: None for label in labels}
    row_of = {prompt: at for at, prompt in enumerate(prompts)}
    column_of = {model: at for at, model in enumerate(models)}
    scores = np.zeros((len(prompts), len(models)))
    weights = np.zeros_like(scores)
    for label in labels:
        place = row_of[label.prompt], column_of[label.model]
        scores[place] += label.weight * label.score
        weights[place] += label.weight
    return list(prompts), tuple(models), np.divide(scores, weights, out=scores, where=weights > 0), weights


def fit(
    table: Table, cards: Mapping[str, ModelCard], embedder: str, randomness: np.random.Generator
) -> QualityPredictor:
    """
    Fit a predictor. What cards say stands until labels say otherwise: heads learn the difference to it.

    Args:
        table: the labels; at least two prompts.
        cards: by model; those that aren't there are middling.
        embedder: fingerprint of what made the embeddings.
        randomness: seeded, for the first centres of clusters.
    """
    prior = Prior.of(table.models, cards)
    design = Design.fit(table.lexical, table.embeddings, randomness)
    believed = prior.predict(table.lexical)
    full = _fit_mode(design.widen(table.lexical, table.embeddings), table, believed)
    lexical = _fit_mode(design.widen(table.lexical, None), table, believed)
    return QualityPredictor(table.models, embedder, table.weights.sum(axis=0), design, prior, full, lexical)


def _fit_mode(rows: NDArray[np.float32], table: Table, believed: NDArray[np.float64]) -> Mode:
    heads = fit_heads(rows, table.scores - believed, table.weights, CARD_ROWS)
    curves = fit_curves(heads.held_out + believed, table.scores, table.weights)
    return Mode(heads.weights.astype(np.float32), heads.biases.astype(np.float32), curves)
