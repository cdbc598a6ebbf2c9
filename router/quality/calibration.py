"""Makes chances of what heads say, so that of the answers given 70 % seven in ten are good."""

import numpy as np
from numpy.typing import NDArray

_EDGE = 0.01
_PRIOR_ROWS = 100.0
_ROUNDS = 12
_UNCHANGED = np.array([0.0, 1.0, 0.0])


def to_chances(scores: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Chances of what heads said.

    Args:
        scores: float64 (n, m); they may lie outside 0 to 1 a little, as a linear head's do.
        curves: float64 (3, m), of `fit_curves`.

    Returns:
        float64 (n, m), in (0, 1).
    """
    inside = scores.clip(_EDGE, 1 - _EDGE)
    odds = np.log(inside / (1 - inside))
    return np.asarray(1 / (1 + np.exp(-(curves[0] + curves[1] * odds + curves[2] * (inside - 0.5)))))


def fit_curves(
    held_out: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """
    A curve for each model, by logistic regression on what it was given for rows that it hadn't seen.

    Args:
        held_out: float64 (n, m), of `Heads.held_out`, with the prior's part added.
        scores: float64 (n, m), 0 to 1.
        weights: float64 (n, m), 0 for no label. A model without labels keeps what its head says.

    Returns:
        float64 (3, m): log-odds at 0.5, and what is added for log-odds and for the score itself. Linear heads overstate at both ends and understate
        between, which a line in log-odds alone can't mend.

    Source: Platt scaling (1999), with one term more and a prior of 100 rows for the curve that changes nothing.
    """
    curves = np.tile(_UNCHANGED[:, None], (1, scores.shape[1]))
    for at in range(scores.shape[1]):
        labelled = weights[:, at] > 0
        curves[:, at] = _fit_curve(held_out[labelled, at], scores[labelled, at], weights[labelled, at])
    return curves


def _fit_curve(
    held_out: NDArray[np.float64], scores: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """By Newton's method, which the prior keeps from running away."""
    inside = held_out.clip(_EDGE, 1 - _EDGE)
    columns = np.stack((np.ones_like(inside), np.log(inside / (1 - inside)), inside - 0.5), axis=1)
    firmness = np.eye(3) * _PRIOR_ROWS / 4
    firmness[2, 2] /= 16  # a score goes from -0.5 to 0.5 where log-odds go from -2 to 2
    curve: NDArray[np.float64] = _UNCHANGED.copy()
    for _ in range(_ROUNDS):
        chances = 1 / (1 + np.exp(-(columns @ curve)))
        slope = columns.T @ (weights * (scores - chances)) - firmness @ (curve - _UNCHANGED)
        bend = (columns * (weights * chances * (1 - chances))[:, None]).T @ columns + firmness
        curve = curve + np.linalg.solve(bend, slope).astype(np.float64)
    return curve
