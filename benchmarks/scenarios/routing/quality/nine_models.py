"""Chooses among nine models for each of some thousand questions, and compares with the best of them for all."""

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.reporting import say
from turnout.benchmarks.scenarios.routing.quality.judged import OURS, predict_held_out
from turnout.benchmarks.scenarios.routing.quality.labels import Questions, embed_texts, read_nine
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.router.quality.assess import find_cost_of_quality, measure_calibration_error, trace_curve


def measure_nine_models(setup: RoutingSetup) -> Findings:
    """The rows of nine models, and the calibration on them."""
    questions = read_nine(setup.find("router"), embed_texts)
    table, costs = questions.table, questions.costs
    means = table.scores.mean(axis=0)
    best, cheapest = int(means.argmax()), int(costs.mean(axis=0).argmin())
    say(f"  {len(table.scores):,} questions, {len(table.models)} models, 5 folds")
    for name, accuracy in (
        (f"best single ({table.models[best]})", means[best]),
        (f"cheapest ({table.models[cheapest]})", means[cheapest]),
        ("random", means.mean()),
        ("oracle", table.scores.max(axis=1).mean()),
    ):
        say(f"  {name}: {100 * accuracy:.1f} % right")
    rows = {}
    for name, qualities in predict_held_out(table, setup.seed).items():
        rows[name] = _judge(questions, qualities, best)
        points, ratio, error = rows[name]
        said = "not reached" if ratio is None else f"{ratio:.3f}"
        say(
            f"  {name}: {points:+.2f} points over best single; its accuracy at {said} of its cost; calibration {error:.4f}"
        )
    points, ratio, error = rows[OURS]
    return Findings(
        [
            Finding("nine_models_points_over_best_single", points),
            Finding(
                "nine_models_cost_at_best_single_accuracy", ratio, "" if ratio is not None else "never as accurate"
            ),
            Finding("calibration_error", error, "nine models, 10 bins of equal mass"),
        ],
        {"nine_models": {name: list(row) for name, row in rows.items()}},
    )


def _judge(questions: Questions, qualities: NDArray[np.float64], best: int) -> tuple[float, float | None, float]:
    table, costs = questions.table, questions.costs
    rows = np.arange(len(qualities))
    single = float(table.scores[:, best].mean())
    points = 100 * (float(table.scores[rows, qualities.argmax(axis=1)].mean()) - single)
    cost = find_cost_of_quality(trace_curve(qualities, table.scores, costs), single)
    ratio = None if cost is None else cost / float(costs[:, best].mean())
    return points, ratio, measure_calibration_error(qualities, table.scores, table.weights)
