"""Says how good a predictor fitted on somebody's labels is, from prompts that it hadn't seen."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from turnout.router.quality.assess import HeldOut, find_cost_of_quality, measure_calibration_error, trace_curve
from turnout.router.quality.fit import Table
from turnout.serve.cli.screen import align, count

FEW_LABELS = 200
"""
Of a model: with fewer, choosing by prompt gains little.

Source: the public labels of nine models (`turnout bench routing --only nine_models`), fitted on so many prompts each and asked about 1,000 others,
three draws: 50 lost 0.8 points against the best single model, 100 gained 0.6, 200 gained 1.6, 400 gained 3.4, all 3,980 gained 3.8.
"""

_CURVE_STEPS = 6


def describe(table: Table, held_out: HeldOut, costs_usd: dict[str, float]) -> Iterator[str]:
    """The lines of the report, for a terminal."""
    yield from align([("model", "labels", "score", "said", "said without embedding"), *_list_models(table, held_out)])
    yield ""
    for name, chances in (("with embeddings", held_out.full), ("without", held_out.lexical)):
        error = measure_calibration_error(chances, table.scores, table.weights)
        yield f"calibration error {name}: {100 * error:.1f} %"
    complete = np.flatnonzero((table.weights > 0).all(axis=1))
    if len(table.models) < 2 or not len(complete):
        yield "no prompt has labels of all models, so there is nothing to compare a choice with"
        return
    yield ""
    yield from _describe_choice(table.take(complete), held_out.full[complete], costs_usd)


def list_doubts(table: Table, costs_usd: dict[str, float]) -> Iterator[str]:
    """What should be known before the predictor is relied on."""
    for model, labels in zip(table.models, (table.weights > 0).sum(axis=0), strict=True):
        if labels < FEW_LABELS:
            yield f"{model} has {count(int(labels), 'label')}; with fewer than {FEW_LABELS}, choosing by prompt gains little or loses"
    unpriced = [model for model in table.models if model not in costs_usd]
    if unpriced:
        yield f"no cost_usd for {', '.join(unpriced)}: what quality costs can't be shown"


def _list_models(table: Table, held_out: HeldOut) -> Iterator[tuple[str, ...]]:
    for at, model in enumerate(table.models):
        weights = table.weights[:, at]
        means = [
            float(weights @ values[:, at] / weights.sum()) for values in (table.scores, held_out.full, held_out.lexical)
        ]
        yield (model, str(int((weights > 0).sum())), *(f"{mean:.3f}" for mean in means))


def _describe_choice(table: Table, chances: NDArray[np.float64], costs_usd: dict[str, float]) -> Iterator[str]:
    rows = np.arange(len(table.scores))
    means = table.scores.mean(axis=0)
    best = int(means.argmax())
    chosen = float(table.scores[rows, chances.argmax(axis=1)].mean())
    yield f"on {count(len(rows), 'prompt')} with labels of all models:"
    yield f"  always {table.models[best]}: {means[best]:.3f}"
    yield f"  the best by prediction: {chosen:.3f}"
    yield f"  the best in truth: {float(table.scores.max(axis=1).mean()):.3f}"
    if any(model not in costs_usd for model in table.models):
        return
    costs = np.tile([costs_usd[model] for model in table.models], (len(rows), 1))
    curve = trace_curve(chances, table.scores, costs)
    cost = find_cost_of_quality(curve, float(means[best]))
    if cost is not None and costs[0, best] > 0:
        yield f"  as good as always {table.models[best]}, at {cost / costs[0, best]:.2f} of its cost"
    yield ""
    picked = curve[:: max(1, len(curve) // (_CURVE_STEPS * 4))]
    shown = dict.fromkeys((f"{1000 * point.cost:.4g}", f"{point.quality:.3f}") for point in picked)
    yield from align([("USD per 1,000", "score"), *shown])
