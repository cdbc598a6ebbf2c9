"""Makes pairs of questions that mean the same and pairs that don't, from public questions and the lexicon, without a model."""

import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from turnout.benchmarks.scenarios.cache.pairs import operators
from turnout.benchmarks.scenarios.cache.pairs.operators import Material, Operator
from turnout.benchmarks.scenarios.cache.streams.questions import SETS, Questions
from turnout.router.cache.semantic.lexicon import load_lexicon

SAME: tuple[Operator, ...] = (
    operators.misspell, operators.be_polite, operators.flatten, operators.contract, operators.ask_otherwise, operators.ask_otherwise,
    operators.use_synonym,
    operators.use_synonym, operators.use_synonym,
)  # fmt: skip
OTHER: tuple[Operator, ...] = (
    operators.use_opposite, operators.use_alternative, operators.negate, operators.change_number, operators.ask_for_another, operators.qualify,
    operators.specialise,
    operators.exchange_word, operators.exchange_word,
)  # fmt: skip
_LONGEST_TEXT = 110
_COMMON = 6
_FRAMES = (
    "How do I get from {a} to {b}?", "How do I send money from {a} to {b}?", "How much is a ticket from {a} to {b}?",
    "Move the meeting from {a} to {b}",
    "I want to transfer my things from {a} to {b}, how?", "Is it better to switch from {a} to {b}?", "How long is the trip from {a} to {b}?",
)  # fmt: skip
_PLACES = (
    "Is {a} a good place to live?",
    "What's the weather in {a}?",
    "Who is {a}?",
    "Send the report to {a}",
    "Do you have an office in {a}?",
)


@dataclass(frozen=True, slots=True)
class Pair:
    """
    Two questions.

    Attributes:
        a: one.
        b: the other.
        is_same: whether one answer does for both.
        origin: what made the pair.
    """

    a: str
    b: str
    is_same: bool
    origin: str


def generate_pairs(data: Path, seed: int, amount: int) -> list[Pair]:
    """
    About `amount` pairs of each kind; the same for the same seed.

    Same ones are a question and what one to three harmless operators make of it, or two students' wordings of one question. Others are a question and
    what a harmful operator makes of it, with up to two harmless ones on top; questions with their names exchanged; and students' and customers'
    questions of another kind with the most words in common.
    """
    randomness = random.Random(seed)
    sets = {name: read(data) for name, read in SETS.items()}
    texts = [text for found in sets.values() for text in found.texts if len(text) <= _LONGEST_TEXT]
    material = read_material(data, texts)
    pairs = [*_alter(texts, material, randomness, amount)]
    pairs += _pair_names(material, randomness, amount // 5)
    pairs += _pair_wordings(sets["advising"], randomness, amount // 2)
    for found in sets.values():
        pairs += _pair_neighbours(found, randomness, amount // 6)
    return pairs


def read_material(data: Path, texts: Sequence[str]) -> Material:
    """What questions are filled with: the lexicon as written, names from a public list, and the words of the questions themselves."""
    folder = files("turnout.router.cache.semantic") / "words"
    synonyms, opposites, alternatives = (
        (folder / f"{name}.txt").read_text("utf-8").splitlines() for name in ("synonyms", "opposites", "alternatives")
    )
    pairs = [tuple(_read_line(side) for side in line.split("|")) for line in opposites]
    names = json.loads((data / "paraphrase" / "lexicon_basic.json").read_text(encoding="utf-8"))
    counts = Counter(word for text in texts for word in set(re.findall(r"\b[a-z]{6,}\b", text)))
    return Material(
        load_lexicon(),
        [_read_line(line) for line in synonyms],
        [(first, second) for first, second in pairs],
        [_read_line(line) for line in alternatives],
        [names[kind][:200] for kind in ("first_name", "last_name", "country", "city")],
        sorted(word for word, count in counts.items() if count <= _COMMON),
    )


def _read_line(line: str) -> list[str]:
    return [phrase.strip() for phrase in line.split(",")]


def _alter(texts: Sequence[str], material: Material, randomness: random.Random, amount: int) -> Iterator[Pair]:
    for _ in range(amount):
        text = randomness.choice(texts)
        same, names = _apply(text, SAME, randomness.randint(1, 3), material, randomness)
        if names:
            yield Pair(text, same, True, names)
        other, name = _apply(text, OTHER, 1, material, randomness)
        if name:
            disguised, names = _apply(other, SAME, randomness.randint(0, 2), material, randomness)
            yield Pair(text, disguised, False, f"{name} {names}".strip())


def _apply(
    text: str, choices: Sequence[Operator], count: int, material: Material, randomness: random.Random
) -> tuple[str, str]:
    """What `count` of the operators make of a text, and their names."""
    names = []
    for _ in range(count):
        operator = randomness.choice(choices)
        changed = operator(text, material, randomness)
        if changed is not None and changed != text:
            text = changed
            names.append(operator.__name__)
    return text, " ".join(names)


def _pair_names(material: Material, randomness: random.Random, amount: int) -> Iterator[Pair]:
    for _ in range(amount):
        kind = randomness.choice(material.names)
        a, b, c = randomness.sample(list(kind), 3)
        frame = randomness.choice(_FRAMES)
        asked = frame.format(a=a, b=b)
        yield Pair(asked, frame.format(a=b, b=a), False, "swap_roles")
        yield Pair(asked, frame.format(a=a, b=c), False, "swap_name")
        frame = randomness.choice(_PLACES)
        yield Pair(frame.format(a=a), frame.format(a=b), False, "swap_name")
        same, names = _apply(asked, SAME, 2, material, randomness)
        if names:
            yield Pair(asked, same, True, names)


def _pair_wordings(students: Questions, randomness: random.Random, amount: int) -> Iterator[Pair]:
    """Two students' wordings of one question."""
    groups: dict[int, list[str]] = {}
    for text, answer in zip(students.texts, students.answers, strict=True):
        if len(text) <= _LONGEST_TEXT:
            groups.setdefault(answer, []).append(text)
    several = [group for group in groups.values() if len(set(group)) > 1]
    for _ in range(amount):
        a, b = randomness.sample(sorted(set(randomness.choice(several))), 2)
        yield Pair(a, b, True, "wordings")


def _pair_neighbours(found: Questions, randomness: random.Random, amount: int) -> Iterator[Pair]:
    """A question and that of another answer, of 400, with which it has the most words in common."""
    rows = list(zip(found.texts, found.answers, strict=True))
    rows = [row for row in rows if len(row[0]) <= _LONGEST_TEXT]
    for _ in range(amount):
        text, answer = randomness.choice(rows)
        words = set(text.lower().split())
        others = [row for row in randomness.sample(rows, 400) if row[1] != answer]
        nearest = max(
            others, key=lambda row: len(words & set(row[0].lower().split())) / len(words | set(row[0].lower().split()))
        )
        yield Pair(text, nearest[0], False, "neighbour")
