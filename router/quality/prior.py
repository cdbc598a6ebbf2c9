"""What cards and lexical signals say of a model before anybody has labelled its answers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.models.target import ModelCard
from turnout.router.quality.lexical import NAMES

UNKNOWN = 0.5
"""The quality of a model without a card, until labels say otherwise."""

TASK_BONUS = 0.5
"""Added to the log-odds of a model made for the kind of task that the prompt looks like."""

_AT = {name: at for at, name in enumerate(NAMES)}
_EASY_BYTES = math.log(200.0)


@dataclass(frozen=True, slots=True)
class Prior:
    """
    Log-odds of a good answer, by model, as cards have it.

    Attributes:
        ability: float64 (m,), the log-odds of each model's quality for a middling prompt.
        is_for_code: float64 (m,), 1 for models made for code.
        is_for_math: float64 (m,), 1 for models made for math.
    """

    ability: NDArray[np.float64]
    is_for_code: NDArray[np.float64]
    is_for_math: NDArray[np.float64]

    @classmethod
    def of(cls, models: Sequence[str], cards: Mapping[str, ModelCard]) -> "Prior":
        """The prior of `models`; those without a card are taken to be middling."""
        known = [cards.get(model, ModelCard()) for model in models]
        quality = np.array([UNKNOWN if card.quality is None else card.quality for card in known])
        quality = quality.clip(0.02, 0.98)
        return cls(
            np.log(quality / (1 - quality)),
            np.array([float("code" in card.tasks) for card in known]),
            np.array([float("math" in card.tasks) for card in known]),
        )

    def predict(self, lexical: NDArray[np.float32]) -> NDArray[np.float64]:
        """
        Chances of good answers: harder prompts lower every model's odds by the same factor, as in Rasch's model of tests.

        Args:
            lexical: float32 (n, len(NAMES)), of `lexical.read`.

        Returns:
            float64 (n, m), in (0, 1).
        """
        code, math_ = look_like_code(lexical), look_like_math(lexical)
        odds = self.ability - difficulty(lexical)[:, None]
        odds = odds + TASK_BONUS * (code[:, None] * self.is_for_code + math_[:, None] * self.is_for_math)
        return np.asarray(1 / (1 + np.exp(-odds)))


def difficulty(lexical: NDArray[np.float32]) -> NDArray[np.float64]:
    """
    How much a prompt lowers the log-odds of a good answer: more for long ones and math, a little for code; -0.5 to 1.6.

    Source: a logistic regression of these three on the mean of nine models' public labels, rounded; the data that `benchmarks/routing.py` reads.
    """
    length = np.clip((lexical[:, _AT["bytes"]] - _EASY_BYTES) / 2, -1.0, 1.0)
    return np.asarray(0.5 * length + 1.0 * look_like_math(lexical) + 0.1 * look_like_code(lexical), dtype=np.float64)


def look_like_code(lexical: NDArray[np.float32]) -> NDArray[np.float64]:
    """From 0 to 1, how much prompts look like code."""
    marks = lexical[:, _AT["fences"]] + lexical[:, _AT["definitions"]] + lexical[:, _AT["imports"]]
    return np.asarray(np.clip(marks + 12 * lexical[:, _AT["share_code"]], 0.0, 1.0), dtype=np.float64)


def look_like_math(lexical: NDArray[np.float32]) -> NDArray[np.float64]:
    """From 0 to 1, how much prompts look like math."""
    signs = lexical[:, _AT["share_math"]] + 0.5 * lexical[:, _AT["share_digits"]]
    return np.asarray(np.clip(12 * signs, 0.0, 1.0), dtype=np.float64)
