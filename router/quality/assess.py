"""Judges predictions by labels: calibration, and how much quality a choice buys for its cost."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.models.target import ModelCard
from turnout.router.quality.fit import Table, fit

BINS = 10


@dataclass(frozen=True, slots=True)
class HeldOut:
    """
    What was predicted for prompts that the predictor hadn't seen.

    Attributes:
        full: float64 (n, m), with embeddings.
        lexical: float64 (n, m), without.
    """

    full: NDArray[np.float64]
    lexical: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """
    A choice by utility, over all prompts.

    Attributes:
        cost: a prompt, in the unit of the costs given.
        quality: mean score of what was chosen.
    """

    cost: float
    quality: float


def cross_validate(
    table: Table, folds: int, cards: Mapping[str, ModelCard], embedder: str, randomness: np.random.Generator
) -> HeldOut:
    """Predict each prompt by a predictor fitted on the other folds, which are drawn by `randomness`."""
    count = len(table.scores)
    full = np.zeros_like(table.scores)
    lexical = np.zeros_like(table.scores)
    for held in split(count, folds, randomness):
        seen = np.setdiff1d(np.arange(count), held)
        predictor = fit(table.take(seen), cards, embedder, randomness)
        full[held] = predictor.predict_all(table.lexical[held], table.embeddings[held])
        lexical[held] = predictor.predict_all(table.lexical[held])
    return HeldOut(full, lexical)


def split(count: int, folds: int, randomness: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """The rows of each fold, drawn; of nearly equal size."""
    order = randomness.permutation(count)
    for fold in range(folds):
        yield order[fold::folds]


def measure_calibration_error(
    chances: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> float:
    """
    Expected calibration error over all labels: the mean distance of predicted and true means in ten bins of equal mass.

    Args:
        chances, scores, weights: float64 of one shape; where the weight is 0 there's no label.
    """
    labelled = weights > 0
    given, true, mass = chances[labelled], scores[labelled], weights[labelled]
    order = np.argsort(given, kind="stable")
    error = 0.0
    for rows in np.array_split(order, min(BINS, len(order))):
        error += abs(float((mass[rows] * (given[rows] - true[rows])).sum()))
    return error / float(mass.sum())


def trace_curve(
    qualities: NDArray[np.float64], scores: NDArray[np.float64], costs: NDArray[np.float64]
) -> list[CurvePoint]:
    """
    What choosing by utility costs and brings, from the cheapest to the best.

    Args:
        qualities: float64 (n, m), predicted.
        scores: float64 (n, m), true; every model has a label for every prompt.
        costs: float64 (n, m).
    """
    rows = np.arange(len(scores))
    typical = float(costs.mean())
    points: list[CurvePoint] = []
    for worth in (0.0, *np.geomspace(0.05, 5000.0, 120) * typical, np.inf):
        utility = qualities - 1e-12 * costs / typical if worth == np.inf else worth * qualities - costs
        chosen = utility.argmax(axis=1)
        points.append(CurvePoint(float(costs[rows, chosen].mean()), float(scores[rows, chosen].mean())))
    return points


def find_cost_of_quality(points: list[CurvePoint], quality: float) -> float | None:
    """The least cost of a point of the curve with at least this quality, or None."""
    return min((point.cost for point in points if point.quality >= quality), default=None)


def measure_apgr(gains: NDArray[np.float64], weak: NDArray[np.float64], strong: NDArray[np.float64]) -> float:
    """
    Average performance gap recovered: the mean, over all shares of prompts sent to the strong model, of how much of its advantage that brings.

    Args:
        gains: float64 (n,), the predicted advantage of the strong model; the greatest are sent there first, equal ones share.
        weak, strong: float64 (n,), true scores.

    Returns:
        0.5 for a random order.

    Source: RouteLLM (Ong et al., arXiv 2406.18665), here with every share instead of ten.
    """
    order = np.argsort(-gains, kind="stable")
    _, group, sizes = np.unique(-gains[order], return_inverse=True, return_counts=True)
    advantage = strong - weak
    mean_in_group = np.bincount(group, weights=advantage[order]) / sizes
    gained = np.concatenate(([0.0], np.cumsum(mean_in_group[group])))
    area = float((gained[1:] + gained[:-1]).sum()) / 2 / len(gains)
    return area / float(advantage.sum())
