"""Makes chances of what heads say, so that of the answers given 70 % seven in ten are good."""

import numpy as np
from numpy.typing import NDArray

_EDGE = 0.01
_PRIOR_ROWS = 100.0
_ROUNDS = 12


def to_odds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of scores that may lie outside 0 to 1 a little, as a linear head's do."""
    inside = scores.clip(_EDGE, 1 - _EDGE)
    return np.asarray(np.log(inside / (1 - inside)))


def to_chances(odds: NDArray[np.float64], lines: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chances (n, m) of log-odds (n, m) by each model's line, (2, m): start and slope."""
    return np.asarray(1 / (1 + np.exp(-(lines[0] + lines[1] * odds))))


def fit_lines(
    held_out: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    A line in log-odds for each model, by logistic regression on what it was given for rows that it hadn't seen.

    Args:
        held_out: float64 (n, m), of `Heads.held_out`, with the prior's part added.
        scores: float64 (n, m), 0 to 1.
        weights: float64 (n, m), 0 for no label. A model without labels keeps what its head says.

    Returns:
        float64 (2, m): start and slope.

    Source: Platt scaling (1999), with a prior of 100 rows for the line that changes nothing.
    """
    odds = to_odds(held_out)
    lines = np.tile(np.array([[0.0], [1.0]]), (1, scores.shape[1]))
    for at in range(scores.shape[1]):
        labelled = weights[:, at] > 0
        lines[:, at] = _fit_line(odds[labelled, at], scores[labelled, at], weights[labelled, at])
    return lines


def _fit_line(
    odds: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By Newton's method, which the prior keeps from running away."""
    start = np.array([0.0, 1.0])
    line: NDArray[np.float64] = start.copy()
    columns = np.stack((np.ones_like(odds), odds), axis=1)
    firmness = np.diag([_PRIOR_ROWS / 4, _PRIOR_ROWS / 4])
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-(columns @ line)))
        slope = columns.T @ (weights * (scores - chances)) - firmness @ (line - start)
        bend = (columns * (weights * chances * (1 - chances))[:, None]).T @ columns + firmness
        line = line + np.linalg.solve(bend, slope).astype(np.float64)
    return line
