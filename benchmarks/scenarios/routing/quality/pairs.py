"""Sends some questions to a strong model and the rest to a weak one, for every share, and says how much of the strong one's advantage that keeps."""

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.reporting import say
from turnout.benchmarks.scenarios.routing.quality.judged import OURS, predict_held_out
from turnout.benchmarks.scenarios.routing.quality.labels import embed_texts, read_pair
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.router.quality.assess import measure_apgr, measure_calibration_error

_DRAWS = 200
_SETS = {"mmlu_apgr": "mmlu/*.csv", "gsm8k_apgr": "gsm8k_responses*.csv"}


def measure_pairs(setup: RoutingSetup) -> Findings:
    """The rows of a weak and a strong model."""
    findings = []
    samples = {}
    for figure, pattern in _SETS.items():
        table = read_pair(setup.find("router"), pattern, embed_texts)
        weak, strong = table.scores.T
        say(
            f"  {pattern}: {len(weak):,} questions, weak {100 * weak.mean():.1f} %, strong {100 * strong.mean():.1f} %, 5 folds"
        )
        samples[figure] = {"random": 0.5, "oracle": measure_apgr(strong - weak, weak, strong)}
        found = predict_held_out(table, setup.seed)
        gains = found[OURS][:, 1] - found[OURS][:, 0]
        for name, qualities in found.items():
            samples[figure][name] = measure_apgr(qualities[:, 1] - qualities[:, 0], weak, strong)
            error = measure_calibration_error(qualities, table.scores, table.weights)
            say(f"  {name}: APGR {samples[figure][name]:.4f}; calibration {error:.4f}")
        say(f"  random: APGR 0.5; oracle: {samples[figure]['oracle']:.4f}")
        error = _estimate_error(gains, weak, strong, np.random.default_rng(setup.seed))
        findings.append(
            Finding(figure, samples[figure][OURS], f"standard error {error:.3f}, of {len(weak):,} questions")
        )
    return Findings(findings, samples)


def _estimate_error(
    gains: NDArray[np.float64], weak: NDArray[np.float64], strong: NDArray[np.float64], randomness: np.random.Generator
) -> float:
    """How far the figure would be off by the luck of the questions: its deviation over sets drawn from them with replacement."""
    draws = randomness.integers(0, len(gains), (_DRAWS, len(gains)))
    return float(np.std([measure_apgr(gains[rows], weak[rows], strong[rows]) for rows in draws]))
