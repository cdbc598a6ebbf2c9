"""Questions of public sets, each with the answer that it should get."""

import csv
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

OUT_OF_SCOPE = "oos"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Questions:
    """
    A set of questions.

    Attributes:
        name: of the set.
        texts: n of them, as a user would ask.
        answers: n numbers; two questions may share an answer exactly where theirs are equal.
    """

    name: str
    texts: tuple[str, ...]
    answers: tuple[int, ...]


def read_banking77(folder: Path) -> Questions:
    """Questions of bank customers: those with one intent have one answer."""
    with (folder / "paraphrase" / "banking77_train.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["text"], row["category"]) for row in csv.DictReader(file)]
    return _number("banking77", rows)


def read_clinc150(folder: Path) -> Questions:
    """Questions to an assistant: those with one intent have one answer, those out of scope have each their own."""
    splits = json.loads((folder / "paraphrase" / "clinc150_dev.json").read_text(encoding="utf-8"))
    own = count()
    rows = [
        (text, f"{intent} {next(own)}" if intent == OUT_OF_SCOPE else intent)
        for split in splits.values()
        for text, intent in split
    ]
    return _number("clinc150", rows)


def read_advising(folder: Path) -> Questions:
    """Students' questions with their names filled in: those that ask for the same of the same have one answer."""
    groups = json.loads((folder / "paraphrase" / "advising.json").read_text(encoding="utf-8"))
    rows = [
        (_fill(sentence["text"], sentence["variables"]), f"{place} {sorted(sentence['variables'].items())}")
        for place, group in enumerate(groups)
        for sentence in group["sentences"]
    ]
    return _number("advising", rows)


def _fill(text: str, variables: dict[str, str]) -> str:
    filled = _WORD.sub(lambda word: variables.get(word[0], word[0]), text)
    return " ".join(filled.split())


def _number(name: str, rows: Sequence[tuple[str, str]]) -> Questions:
    numbers: dict[str, int] = {}
    answers = tuple(numbers.setdefault(answer, len(numbers)) for _, answer in rows)
    return Questions(name, tuple(text for text, _ in rows), answers)


SETS = {"banking77": read_banking77, "clinc150": read_clinc150, "advising": read_advising}
"""Every set, by its name."""
