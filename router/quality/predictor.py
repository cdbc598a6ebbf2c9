"""Says how likely each model's answer to a prompt is to be good."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.router.quality.calibration import to_chances
from turnout.router.quality.design import Design
from turnout.router.quality.prior import Prior


@dataclass(frozen=True, slots=True)
class Mode:
    """
    One way to answer: with an embedding, or without.

    Attributes:
        weights: float32 (p, m).
        biases: float32 (m,).
        curves: float64 (3, m), of `calibration.fit_curves`.
    """

    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    curves: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class QualityPredictor:
    """
    A fitted predictor; immutable, and small whatever it was fitted on: neither prompts nor their embeddings are in it.

    Attributes:
        models: m public names, in the order of every prediction.
        embedder: fingerprint of the model that made the embeddings, such as its folder's digest.
        labels: float64 (m,), the weight of labels behind each model.
        design: makes rows of signals.
        prior: what was believed before.
        full: how to answer with an embedding.
        lexical: how to answer without.
    """

    models: tuple[str, ...]
    embedder: str
    labels: NDArray[np.float64]
    design: Design
    prior: Prior
    full: Mode
    lexical: Mode

    @property
    def dimensions(self) -> int:
        """Of the embeddings that it takes."""
        return int(self.design.centres.shape[1])

    def predict(
        self, lexical: NDArray[np.float32], embedding: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """
        The chance of a good answer, for each model.

        Args:
            lexical: float32 (f,), of `lexical.read`.
            embedding: float32 (d,) of length 1, by the model that `embedder` names; None answers by lexical signals alone, calibrated for that.

        Returns:
            float64 (m,), in (0, 1).

        Raises:
            ValueError: an embedding of other dimensions.
        """
        return np.asarray(self.predict_all(lexical[None], None if embedding is None else embedding[None])[0])

    def predict_all(
        self, lexical: NDArray[np.float32], embeddings: NDArray[np.float32] | None = None
    ) -> NDArray[np.float64]:
        """What `predict` says for n prompts: float64 (n, m), of signals (n, f) and embeddings (n, d)."""
        if embeddings is not None and embeddings.shape[1] != self.dimensions:
            raise ValueError(
                f"embeddings of {embeddings.shape[1]} dimensions; this predictor was fitted on those of "
                f"{self.embedder!r} with {self.dimensions}: fit it anew with `turnout routes fit`"
            )
        mode = self.lexical if embeddings is None else self.full
        given = self.design.widen(lexical, embeddings) @ mode.weights + mode.biases
        return to_chances(given + self.prior.predict(lexical), mode.curves)
