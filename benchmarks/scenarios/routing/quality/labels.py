"""Reads the public labels that the quality figures are made of."""

import csv
import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from turnout.benchmarks.embeddings import embed
from turnout.benchmarks.reporting import say
from turnout.benchmarks.scenarios.setup import NotMeasurable
from turnout.models.disk.errors import ModelNotOnDisk
from turnout.router.quality import lexical
from turnout.router.quality.fit import Table

WEAK, STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
ANSWER_TOKENS = 256
"""What an answer is taken to have; the labels don't say."""

_BYTES_A_TOKEN = 4

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
"""Vectors (n, d) of n texts."""


class _Question(msgspec.Struct, frozen=True):
    """A row of the nine-model labels; other keys aren't read."""

    question: str
    scores: dict[str, float]


class _Price(msgspec.Struct, frozen=True):
    """USD a million tokens."""

    input_price: float
    output_price: float


@dataclass(frozen=True, slots=True)
class Questions:
    """
    One set of labels.

    Attributes:
        table: every model has a label for every question.
        costs: float64 (n, m), price × (question tokens + 256), in millionths of a USD.
    """

    table: Table
    costs: NDArray[np.float64]


def read_nine(folder: Path, embed_texts: Embed) -> Questions:
    """LLMRouter's table: right or wrong of nine models, with their prices."""
    found = sorted(folder.glob("dcrouter_*.json.gz"))
    prices_path = folder / "default_llm.json"
    if not found or not prices_path.exists():
        raise NotMeasurable(f"{str(folder)!r} has no dcrouter_*.json.gz and default_llm.json; give --data DIR")
    rows = [
        row for path in found for row in msgspec.json.decode(gzip.decompress(path.read_bytes()), type=list[_Question])
    ]
    prices = msgspec.json.decode(prices_path.read_bytes(), type=dict[str, _Price])
    models = tuple(sorted(rows[0].scores))
    questions = [row.question for row in rows]
    scores = np.array([[row.scores[model] for model in models] for row in rows])
    tokens = np.array([len(question.encode()) / _BYTES_A_TOKEN for question in questions])
    price = np.array([[prices[model].input_price, prices[model].output_price] for model in models])
    costs = tokens[:, None] * price[:, 0] + ANSWER_TOKENS * price[:, 1]
    return Questions(_tabulate(models, questions, scores, embed_texts), costs)


def read_pair(folder: Path, pattern: str, embed_texts: Embed) -> Table:
    """RouteLLM's answers of a weak and a strong model: all files of `folder` that match `pattern`."""
    found = sorted(folder.glob(pattern))
    if not found:
        raise NotMeasurable(f"{str(folder)!r} has no {pattern}; give --data DIR")
    questions: list[str] = []
    scores: list[tuple[bool, bool]] = []
    for path in found:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                questions.append(row["prompt"])
                scores.append((row[WEAK] == "True", row[STRONG] == "True"))
    return _tabulate((WEAK, STRONG), questions, np.array(scores, dtype=np.float64), embed_texts)


def embed_texts(texts: Sequence[str]) -> NDArray[np.float32]:
    """What `Embed` is, unless a test has its own: MiniLM, from the disk where it has been asked before."""
    try:
        return embed(texts, say)
    except ModelNotOnDisk as missing:
        raise NotMeasurable(str(missing)) from missing


def _tabulate(
    models: tuple[str, ...], questions: Sequence[str], scores: NDArray[np.float64], embed_texts: Embed
) -> Table:
    signals = np.array([lexical.read(question) for question in questions])
    return Table(models, signals, embed_texts(questions), scores, np.ones_like(scores))
