"""One linear head a model, fitted together: models that succeed and fail alike lend each other what their labels say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 12
_SWEEPS = 3
_FEW = 30.0
"""Columns' worth of belief that models have nothing to do with each other, and coefficients of a usual size."""

_USUAL_RATIO = 20.0
_LEAST_NOISE = 1e-4
_EDGE = 1e-6  # a row that alone decides what it's given can't be left out


@dataclass(frozen=True, slots=True)
class Heads:
    """
    Coefficients for each model, and how they do on rows that they haven't seen.

    Attributes:
        weights: float64 (p, m).
        biases: float64 (m,).
        held_out: float64 (n, m), what each training row would have been given, had it not been there; rows without a label as they are.
    """

    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    held_out: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Scene:
    """The rows that some models have labels for, turned so that their columns don't correlate."""

    centre: NDArray[np.float64]
    variances: NDArray[np.float64]
    axes: NDArray[np.float64]
    rows: float


def fit_heads(
    rows: NDArray[np.float32], scores: NDArray[np.float64], weights: NDArray[np.float64], pseudo_rows: float
) -> Heads:
    """
    Fit by ridge regression whose prior, a covariance between the models' coefficients, is itself learned.

    A model with few labels stays near what the models like it have, and those near nothing where labels say nothing. Rounds alternate between the
    coefficients given the covariance and the covariance given the coefficients, as expectation maximisation does.

    Args:
        rows: float32 (n, p), of `Design.widen`.
        scores: float64 (n, m), what is left to explain; anything where the weight is 0.
        weights: float64 (n, m), 0 for no label.
        pseudo_rows: weight of the belief that a model's mean is 0.

    Source: hierarchical linear models with a shared covariance over tasks, as in Bakker and Heskes, JMLR 4 (2003).
    """
    exact = rows.astype(np.float64)
    scenes = _set_scenes(exact, weights)
    solver = _Solver(scenes, exact, np.where(weights > 0, scores, 0.0), weights, pseudo_rows)
    for _ in range(_ROUNDS):
        solver.refine()
    return solver.finish(exact)


def _set_scenes(rows: NDArray[np.float64], weights: NDArray[np.float64]) -> list[_Scene]:
    """A scene for each model; models labelled on the same rows share one, since it's most of the work."""
    made: dict[bytes, _Scene] = {}
    scenes: list[_Scene] = []
    for column in weights.T:
        key = column.tobytes()
        if key not in made:
            total = max(float(column.sum()), 1e-9)
            centre = column @ rows / total
            centred = (rows - centre) * np.sqrt(column)[:, None]
            variances, axes = np.linalg.eigh(centred.T @ centred)
            made[key] = _Scene(centre, variances.clip(0.0), axes, total)
        scenes.append(made[key])
    return scenes


class _Solver:
    """Owns the fit while it is under way."""

    def __init__(
        self,
        scenes: list[_Scene],
        rows: NDArray[np.float64],
        scores: NDArray[np.float64],
        weights: NDArray[np.float64],
        pseudo_rows: float,
    ) -> None:
        self._scenes = scenes
        self._labels = weights
        counts = np.array([scene.rows for scene in scenes], dtype=np.float64)
        self._raw_means = (weights * scores).sum(axis=0) / counts
        self._means = self._raw_means * counts / (counts + pseudo_rows)
        self._left = np.where(weights > 0, scores - self._raw_means, 0.0)
        self._scores = scores
        self._squares = (weights * self._left**2).sum(axis=0)
        weighted = weights * self._left
        self._pulls = [s.axes.T @ ((rows - s.centre).T @ weighted[:, at]) for at, s in enumerate(scenes)]
        self._noise = np.maximum(self._squares / counts, _LEAST_NOISE)
        models, columns = len(scenes), rows.shape[1]
        self._usual = float(self._noise.mean()) / _USUAL_RATIO
        self._covariance = np.eye(models) * self._usual
        self._turned = np.zeros((columns, models))

    def refine(self) -> None:
        """One round: the coefficients, then what they say of covariance and noise."""
        precision: NDArray[np.float64] = np.linalg.inv(self._covariance).astype(np.float64)
        unsure = np.zeros(len(self._scenes))
        for _ in range(_SWEEPS):
            for at, scene in enumerate(self._scenes):
                others = self._turned @ precision[:, at] - self._turned[:, at] * precision[at, at]
                expected = scene.axes.T @ (-others / precision[at, at])
                firmness = scene.variances / self._noise[at] + precision[at, at]
                held = (self._pulls[at] / self._noise[at] + precision[at, at] * expected) / firmness
                self._turned[:, at] = scene.axes @ held
                unsure[at] = (1 / firmness).sum()
        columns = len(self._turned)
        told = self._turned.T @ self._turned + np.diag(unsure)
        self._covariance = (told + _FEW * self._usual * np.eye(len(told))) / (columns + _FEW)
        self._hear_noise(precision)

    def finish(self, rows: NDArray[np.float64]) -> Heads:
        """The heads, and what they'd give each row without that row's labels."""
        centres = np.stack([scene.centre for scene in self._scenes], axis=1)
        biases = self._means - (centres * self._turned).sum(axis=0)
        held_out = rows @ self._turned + biases
        precision: NDArray[np.float64] = np.linalg.inv(self._covariance).astype(np.float64)
        members: dict[int, list[int]] = {}
        for at, scene in enumerate(self._scenes):
            members.setdefault(id(scene), []).append(at)
        for together in members.values():
            self._leave_out(rows, together, precision, held_out)
        return Heads(self._turned, biases, held_out)

    def _leave_out(
        self, rows: NDArray[np.float64], together: list[int], precision: NDArray[np.float64], given: NDArray[np.float64]
    ) -> None:
        """
        Take what each row's own labels did out of what the heads of one scene give it, in place.

        As leave-one-out of ridge regression in closed form, but for all models at once: a row's label of one model moves the heads of the others too.
        """
        scene, models = self._scenes[together[0]], len(together)
        noise = self._noise[together]
        firmness = scene.variances[:, None, None] * np.diag(1 / noise) + precision[together][:, together]
        shrunk = (np.linalg.inv(firmness) / noise).reshape(-1, models * models)
        labelled = np.flatnonzero(self._labels[:, together[0]])
        pulls = (((rows[labelled] - scene.centre) @ scene.axes) ** 2 @ shrunk).reshape(-1, models, models)
        pulls = self._labels[labelled, together[0], None, None] * (pulls + np.eye(models) / scene.rows)
        scores = self._scores[labelled][:, together, None]
        left = given[labelled][:, together, None] - pulls @ scores
        given[labelled[:, None], together] = np.linalg.solve((1 + _EDGE) * np.eye(models) - pulls, left)[:, :, 0]

    def _hear_noise(self, precision: NDArray[np.float64]) -> None:
        for at, scene in enumerate(self._scenes):
            held = scene.axes.T @ self._turned[:, at]
            left = self._squares[at] - 2 * held @ self._pulls[at] + (scene.variances * held**2).sum()
            firmness = scene.variances + precision[at, at] * self._noise[at]
            used = (scene.variances / firmness).sum()
            self._noise[at] = max(left / max(1.0, scene.rows - used), _LEAST_NOISE)
