"""Turns a prompt's signals into the row that heads are linear in."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CLUSTERS = 8
SHARPNESS = 20.0
"""How fast a prompt's share in a cluster falls with its cosine distance from the centre."""

_FARTHEST = 4.0
_ROUNDS = 15

# What a column may weigh against the others: their coefficients all have one prior.
_EMBEDDING, _LEXICAL, _CLUSTER, _LOCAL = 0.5, 0.08, 1.0, 0.16


@dataclass(frozen=True, slots=True)
class Design:
    """
    The columns: a constant is no column; each head has its own.

    With an embedding: the embedding itself, lexical signals in standard deviations, the prompt's shares in clusters, and the lexical signals once
    more within each cluster, since length means something else for a sum than for a poem. Without: the lexical signals alone, and their squares.

    Attributes:
        mean, scale: float32 (f,), of the lexical signals where it was fitted.
        centres: float32 (k, d), of length 1; (0, d) where there are no embeddings.
    """

    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    centres: NDArray[np.float32]

    @classmethod
    def fit(
        cls, lexical: NDArray[np.float32], embeddings: NDArray[np.float32], randomness: np.random.Generator
    ) -> "Design":
        """From the signals (n, f) and embeddings (n, d) of all prompts."""
        spread = lexical.std(axis=0)
        scale = np.where(spread > 1e-4, 1 / (spread + 1e-2), 0.0)
        return cls(lexical.mean(axis=0), scale.astype(np.float32), _find_centres(embeddings, randomness))

    def widen(self, lexical: NDArray[np.float32], embeddings: NDArray[np.float32] | None) -> NDArray[np.float32]:
        """
        The rows of n prompts.

        Args:
            lexical: float32 (n, f).
            embeddings: float32 (n, d), or None for rows without.

        Returns:
            float32 (n, p).
        """
        signals = np.clip((lexical - self.mean) * self.scale, -_FARTHEST, _FARTHEST)
        if embeddings is None:
            return np.concatenate((_LEXICAL * signals, _LEXICAL / 2 * (signals * signals)), axis=1)
        shares = self._share(embeddings)
        local = (shares[:, :, None] * (_LOCAL * signals)[:, None, :]).reshape(len(signals), -1)
        return np.concatenate((_EMBEDDING * embeddings, _LEXICAL * signals, _CLUSTER * shares, local), axis=1)

    def _share(self, embeddings: NDArray[np.float32]) -> NDArray[np.float32]:
        near = SHARPNESS * (embeddings @ self.centres.T)
        shares = np.exp(near - near.max(axis=1, keepdims=True))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True), dtype=np.float32)


def _find_centres(embeddings: NDArray[np.float32], randomness: np.random.Generator) -> NDArray[np.float32]:
    """Spherical k-means; a centre that nobody is nearest to stays where it is."""
    count = min(CLUSTERS, len(embeddings))
    centres = embeddings[randomness.choice(len(embeddings), count, replace=False)].copy()
    for _ in range(_ROUNDS):
        nearest = (embeddings @ centres.T).argmax(axis=1)
        for at in np.unique(nearest):
            centre = embeddings[nearest == at].sum(axis=0)
            centres[at] = centre / max(float(np.linalg.norm(centre)), 1e-9)
    return np.asarray(centres, dtype=np.float32)
