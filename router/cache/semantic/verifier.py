"""Says how risky it is to answer one question with what another was answered."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from math import exp
from typing import Self

from turnout.router.cache.semantic.alignment import FEATURES, compare
from turnout.router.cache.semantic.wording import Wording

TURNED = ("number", "opposite", "alternative", "names", "role", "slot")
"""Differences that no likeness outweighs: one thing stands for another."""

_REFUSED = (*TURNED, "inserted")

_REASONS = (
    "number",
    "number_missing",
    "negation",
    "opposite",
    "alternative",
    "special",
    "inserted",
    "person",
    "name",
    "role",
)


@dataclass(frozen=True, slots=True)
class Assessment:
    """
    What a verifier says of two questions.

    Attributes:
        risk: 0 to 1, of another answer; right in its order, not as a probability: what questions a service gets isn't known here.
        reasons: codes of the differences that were found.
    """

    risk: float
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verifier:
    """
    A logistic model of what speaks against one answer for two questions.

    Attributes:
        weights: as many as `alignment.FEATURES`, in its order.
    """

    weights: tuple[float, ...]

    @classmethod
    def load(cls) -> Self:
        """The weights that ship with the package: `python -m turnout.benchmarks.scenarios.cache.pairs.fit` makes the same file again."""
        text = (files("turnout.router.cache.semantic") / "words" / "verifier.json").read_text("utf-8")
        return cls.read(json.loads(text))

    @classmethod
    def read(cls, weights: Mapping[str, float]) -> Self:
        """
        By the names of features.

        Raises:
            ValueError: names are missing, or there are others.
        """
        odd = sorted(set(weights) ^ set(FEATURES))
        if odd:
            raise ValueError(f"weights and features differ in {odd!r}: fit the verifier again")
        return cls(tuple(float(weights[name]) for name in FEATURES))

    def assess(self, asked: Wording, stored: Wording, cosine: float) -> Assessment:
        """
        How risky the stored question's answer is for the one that is asked; some hundred microseconds.

        Args:
            asked: the new question.
            stored: the question that has an answer.
            cosine: of their vectors.
        """
        features = compare(asked, stored, cosine)
        found = dict(zip(FEATURES, features, strict=True))
        reasons = tuple(name for name in _REASONS if found[name])
        if any(found[name] for name in _REFUSED):
            return Assessment(1.0, reasons)
        return Assessment(self.estimate(features), reasons)

    def estimate(self, features: Sequence[float]) -> float:
        """The risk by the model alone."""
        score = sum(weight * value for weight, value in zip(self.weights, features, strict=True))
        return 1 / (1 + exp(-max(-30.0, min(30.0, score))))
