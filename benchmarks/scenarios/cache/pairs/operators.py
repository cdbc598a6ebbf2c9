"""Turns a question into one that means the same, or into one that looks alike and doesn't."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turnout.router.cache.semantic.lexicon import Lexicon, split_words

Operator = Callable[[str, "Material", random.Random], str | None]
"""Another wording of a question; None where it offers no hold."""

_GREETINGS = ("Hi, ", "Hello, ", "Hey there, ", "Hi! ", "um so ", "okay so ", "Quick question: ", "Good morning, ")
_THANKS = (" Thanks!", " Thank you", " please", " Cheers", " Many thanks in advance")
_OPENINGS = (
    re.compile(r"^(how (?:do|can|would|should|could) i) ", re.IGNORECASE),
    re.compile(r"^((?:can|could|may) i|am i able to|is it possible to) ", re.IGNORECASE),
    re.compile(r"^(what(?:'s| is) (?=the|my|your))", re.IGNORECASE),
)
_SAME_OPENINGS = (
    ("How do I ", "How can I ", "What's the way to ", "What are the steps to ", "I'd like to know how to ", "Could you explain how I ",
    "What do I do to "),
    ("Can I ", "Could I ", "Am I able to ", "Is it possible to ", "Am I allowed to ", "Is there a way to "),
    ("What is ", "What's ", "Tell me ", "Can you tell me ", "I'd like to know ", "Do you know "),
)  # fmt: skip
_AUXILIARY = re.compile(r"\b(is|are|can|do|does|did|will|would|should|was|have|has)\b(?! not)", re.IGNORECASE)
_PERSONS = (
    "child",
    "colleague",
    "mother",
    "partner",
    "tenant",
    "son",
    "employee",
    "elderly father",
    "flatmate",
    "manager",
    "wife",
)
_QUALIFIERS = (
    "joint", "student", "business", "international", "annual", "temporary", "second", "old", "shared", "online", "paper", "premium", "weekly",
    "foreign",
    "digital", "replacement", "electric", "late", "secondary", "commercial", "private", "junior", "digital", "unused", "expired", "extra",
)  # fmt: skip
_CONTRACTED = (
    ("what is", "what's"),
    ("cannot", "can't"),
    ("do not", "don't"),
    ("I am", "I'm"),
    ("I have", "I've"),
    ("where is", "where's"),
)
_SHORTEST_WORD = 5


@dataclass(frozen=True, slots=True)
class Material:
    """
    What questions are filled with.

    Attributes:
        lexicon: synonyms, opposites and alternatives.
        synonyms: their groups as they are written.
        opposites: two sides each.
        alternatives: lists.
        names: of persons, cities and countries, each kind a list.
        words: content words of other questions.
    """

    lexicon: Lexicon
    synonyms: Sequence[Sequence[str]]
    opposites: Sequence[tuple[Sequence[str], Sequence[str]]]
    alternatives: Sequence[Sequence[str]]
    names: Sequence[Sequence[str]]
    words: Sequence[str]


def misspell(text: str, material: Material, randomness: random.Random) -> str | None:
    """Swaps, drops or doubles a letter within a long word."""
    del material
    words = [match for match in re.finditer(r"\b[a-z]+\b", text) if len(match.group()) >= _SHORTEST_WORD]
    if not words:
        return None
    match = randomness.choice(words)
    at = match.start() + randomness.randrange(1, len(match.group()) - 1)
    kind = randomness.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text[:at] + text[at + 1 :] if kind == 1 else text[:at] + text[at] + text[at:]


def be_polite(text: str, material: Material, randomness: random.Random) -> str | None:
    """Greets, thanks, or both."""
    del material
    greeting = randomness.choice(("", *_GREETINGS))
    thanks = randomness.choice(_THANKS) if not greeting or randomness.random() < 1 / 3 else ""
    return greeting + (text[0].lower() + text[1:] if greeting and not text.startswith("I ") else text) + thanks


def flatten(text: str, material: Material, randomness: random.Random) -> str | None:
    """Writes it carelessly: in one case, or without its marks."""
    del material
    return randomness.choice((text.lower(), text.upper(), text.rstrip("?.! "), text + "??", f"  {text} "))


def contract(text: str, material: Material, randomness: random.Random) -> str | None:
    """Draws two words together, or apart."""
    del material, randomness
    for long, short in _CONTRACTED:
        for old, new in ((long, short), (short, long)):
            changed = re.sub(rf"\b{re.escape(old)}\b", new, text, count=1, flags=re.IGNORECASE)
            if changed != text:
                return changed
    return None


def ask_otherwise(text: str, material: Material, randomness: random.Random) -> str | None:
    """Begins the same kind of question with other words."""
    del material
    for pattern, openings in zip(_OPENINGS, _SAME_OPENINGS, strict=True):
        match = pattern.match(text)
        if match:
            return randomness.choice(openings) + text[match.end() :]
    return None


def use_synonym(text: str, material: Material, randomness: random.Random) -> str | None:
    """Another word or phrase of the same group."""
    return _exchange(text, material.synonyms, material.synonyms, randomness)


def use_opposite(text: str, material: Material, randomness: random.Random) -> str | None:
    """The other side of a pair of opposites."""
    sides = [side for pair in material.opposites for side in pair]
    others = [side for pair in material.opposites for side in reversed(pair)]
    return _exchange(text, sides, others, randomness)


def use_alternative(text: str, material: Material, randomness: random.Random) -> str | None:
    """Another month, product or place."""
    return _exchange(text, material.alternatives, material.alternatives, randomness)


def negate(text: str, material: Material, randomness: random.Random) -> str | None:
    """Puts `not` behind a verb, or `without` for `with`."""
    del material
    if re.search(r"\bwith\b", text) and randomness.random() < 1 / 2:
        return re.sub(r"\bwith\b", "without", text, count=1)
    matches = list(_AUXILIARY.finditer(text))
    if not matches:
        return None
    at = matches[0].end()
    subject = re.match(r" (?:i|you|we|they|it|the \w+|my \w+)\b", text[at:], re.IGNORECASE)
    end = at + (subject.end() if subject else 0)
    return f"{text[:end]} not{text[end:]}"


def change_number(text: str, material: Material, randomness: random.Random) -> str | None:
    """Another number."""
    del material
    found = re.search(r"\d+", text)
    if not found:
        return None
    old = int(found.group())
    new = randomness.choice([old + 1, old * 2 + 1, old * 10 + 10, old + 5])
    return text[: found.start()] + str(new) + text[found.end() :]


def ask_for_another(text: str, material: Material, randomness: random.Random) -> str | None:
    """The same for another person."""
    del material
    person = randomness.choice(_PERSONS)
    if re.search(r"\bmy \w+", text):
        return re.sub(r"\bmy\b", f"my {person}'s", text, count=1)
    if re.search(r"\b[Ii]\b", text):
        return re.sub(r"\b[Ii]\b", f"my {person}", text, count=1)
    return None


def qualify(text: str, material: Material, randomness: random.Random) -> str | None:
    """Asks for a special kind of something."""
    del material
    return _insert_before_thing(text, randomness.choice(_QUALIFIERS))


def specialise(text: str, material: Material, randomness: random.Random) -> str | None:
    """A kind of a thing for the thing, such as a joint account, by the phrases of the lexicon."""
    lowered = f" {text.lower().rstrip('?.! ')} "
    phrases = [phrase for group in (*material.synonyms, *material.alternatives) for phrase in group]
    phrases = [
        phrase for phrase in phrases if [len(word) >= _SHORTEST_WORD - 1 for word in phrase.split()] == [True, True]
    ]
    kinds = [phrase for phrase in phrases if f" {phrase.split()[1]} " in lowered and phrase not in lowered]
    if not kinds:
        return None
    kind = randomness.choice(kinds)
    thing = kind.split()[1]
    if _find_meanings(kind, material) & _find_meanings(thing, material):
        return None
    return re.sub(rf"\b{re.escape(thing)}\b", kind, text, count=1, flags=re.IGNORECASE)


def exchange_word(text: str, material: Material, randomness: random.Random) -> str | None:
    """Any other word in place of a long one: a medicine, a product, a place that no list has."""
    found = [match for match in re.finditer(r"\b[a-z]+\b", text) if len(match.group()) > _SHORTEST_WORD]
    found = [match for match in found if match.group() in material.words]
    if not found:
        return None
    match = randomness.choice(found)
    meanings = _find_meanings(match.group(), material)
    other = randomness.choice(material.words)
    if other == match.group() or meanings & _find_meanings(other, material):
        return None
    return text[: match.start()] + other + text[match.end() :]


def _insert_before_thing(text: str, words: str) -> str | None:
    found = re.search(r"\b(?:my|the|a|an|your)\b ", text)
    return text[: found.end()] + words + " " + text[found.end() :] if found else None


def _find_meanings(word: str, material: Material) -> frozenset[int]:
    forms = " ".join(word.form for word in split_words(word))
    return material.lexicon.meanings.get(forms, frozenset())


def _exchange(
    text: str, groups: Sequence[Sequence[str]], others: Sequence[Sequence[str]], randomness: random.Random
) -> str | None:
    """Replaces what one of the groups has by another of the group in the same place among `others`."""
    lowered = f" {text.lower().rstrip('?.! ')} "
    hits = [(at, phrase) for at, group in enumerate(groups) for phrase in group if f" {phrase} " in lowered]
    if not hits:
        return None
    at, phrase = randomness.choice(hits)
    choices = [other for other in others[at] if other != phrase]
    if not choices:
        return None
    pattern = re.compile(rf"\b{re.escape(phrase)}\b", re.IGNORECASE)
    return pattern.sub(randomness.choice(choices).replace("\\", ""), text, count=1)
