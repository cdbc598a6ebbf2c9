"""
Fits the verifier of the semantic cache to generated pairs, and writes the weights that ship with the package.

    python -m turnout.benchmarks.scenarios.cache.pairs.fit --data DIR --out router/cache/semantic/words/verifier.json

The pairs that the verifier is measured on have no part in it.
"""

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.scenarios.cache.pairs.generator import Pair, generate_pairs
from turnout.benchmarks.scenarios.cache.pairs.readings import Reading, open_model, read_texts
from turnout.router.cache.semantic.alignment import FEATURES, compare
from turnout.router.cache.semantic.lexicon import Lexicon, load_lexicon

SEED, AMOUNT = 7, 1500
_FREE = ("one", "meant")  # all others may only speak against an answer
_LEXICONS = 8
_KNOWN = 0.6  # of the lexicon: generated synonyms and opposites are the lexicon's own, and people have others
_RIDGE = 1e-3
_STEPS, _STEP, _MOMENTUM = 4000, 0.1, 0.9


def fit_weights(data: Path, seed: int, amount: int) -> dict[str, float]:
    """The weights by name, rounded so that the last bits of another machine's arithmetic don't show."""
    pairs = generate_pairs(data, seed, amount)
    features, is_other = describe_pairs(pairs, seed)
    weights = fit_logistic(features, is_other)
    return {name: round(float(weight), 2) + 0.0 for name, weight in zip(FEATURES, weights, strict=True)}


def describe_pairs(pairs: Sequence[Pair], seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features, float64 (n, f), each pair read with a lexicon that lacks two fifths of its groups; and float64 (n,), 1 where answers differ."""
    randomness = random.Random(seed)
    whole = load_lexicon()
    lexicons = [thin_out(whole, _KNOWN, randomness) for _ in range(_LEXICONS)]
    rows = []
    model = open_model()
    for place, lexicon in enumerate(lexicons):
        part = pairs[place::_LEXICONS]
        readings = read_texts([text for pair in part for text in (pair.a, pair.b)], lexicon, model)
        rows += [(_compare(readings, pair), float(not pair.is_same)) for pair in part]
    return np.array([row for row, _ in rows]), np.array([is_other for _, is_other in rows])


def thin_out(lexicon: Lexicon, share: float, randomness: random.Random) -> Lexicon:
    """A lexicon with about this share of its groups."""

    def keep(known: Mapping[str, frozenset[int]], size: int) -> dict[str, frozenset[int]]:
        groups = 1 + max(group for found in known.values() for group in found) // size
        kept = {group for group in range(groups) if randomness.random() < share}
        return {phrase: frozenset(group for group in found if group // size in kept) for phrase, found in known.items()}

    meanings, sides, kinds = keep(lexicon.meanings, 1), keep(lexicon.sides, 2), keep(lexicon.kinds, 1)
    return Lexicon(meanings, sides, kinds, lexicon.words, lexicon.longest)


def fit_logistic(features: NDArray[np.float64], is_other: NDArray[np.float64]) -> NDArray[np.float64]:
    """
    Weights, float64 (f,), none below 0 but the free ones.

    Source: logistic regression with a ridge, by projected gradient descent with momentum.
    """
    spread = features.std(0) + 0.1
    scaled = features / spread
    weights, pace = np.zeros(scaled.shape[1]), np.zeros(scaled.shape[1])
    lowest = np.array([-np.inf if name in _FREE else 0.0 for name in FEATURES])
    shrunk = np.array([name != "one" for name in FEATURES])
    for _ in range(_STEPS):
        guesses = 1 / (1 + np.exp(-(scaled @ weights)))
        slope = scaled.T @ (guesses - is_other) / len(is_other) + _RIDGE * weights * shrunk
        pace = _MOMENTUM * pace + slope
        moved = weights - _STEP * pace
        pace[moved < lowest] = 0.0
        weights = np.maximum(moved, lowest)
    return np.asarray(weights / spread)


def main() -> None:
    """Writes the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", default=Path("../shared/data"), help="public sets")
    parser.add_argument("--out", type=Path, metavar="FILE", required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--amount", type=int, default=AMOUNT, help="of pairs of each kind, about")
    given = parser.parse_args()
    weights = fit_weights(given.data, given.seed, given.amount)
    given.out.write_text(json.dumps(weights, indent=2) + "\n", encoding="utf-8")


def _compare(readings: Mapping[str, Reading], pair: Pair) -> list[float]:
    a, b = readings[pair.a], readings[pair.b]
    return compare(a.wording, b.wording, float(a.vector @ b.vector))


if __name__ == "__main__":
    main()
