"""Knows which common words of questions mean the same, which are opposites, and which are alternatives of one kind."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+(?:,\d{3})*(?:\.\d+)?|[£$€%]")
_SYMBOLS = {"£": "pound", "$": "dollar", "€": "euro", "%": "percent"}
_CONTRACTIONS = {
    "can't": "can not", "cannot": "can not", "won't": "will not", "shan't": "shall not", "i'm": "i am", "let's": "let us", "whats": "what is",
    "dont": "do not", "doesnt": "does not", "cant": "can not", "wont": "will not", "isnt": "is not", "arent": "are not", "im": "i am",
}  # fmt: skip
_ENDINGS = (
    ("n't", "not"),
    ("'s", ""),
    ("'re", "are"),
    ("'d", "would"),
    ("'ll", "will"),
    ("'ve", "have"),
    ("'m", "am"),
)
_FORMS = {
    "bought": "buy", "paid": "pay", "sent": "send", "lost": "lose", "broke": "break", "broken": "break", "left": "leave", "got": "get",
    "gotten": "get",
    "made": "make", "took": "take", "taken": "take", "won": "win", "wrote": "write", "written": "write", "chose": "choose", "chosen": "choose",
    "kept": "keep", "told": "tell", "went": "go", "gone": "go", "children": "child", "people": "person", "women": "woman", "men": "man", "ran": "run",
    "began": "begin", "begun": "begin", "came": "come", "gave": "give", "given": "give", "saw": "see", "seen": "see", "done": "do",
    "had": "have", "has": "have", "held": "hold", "found": "find", "built": "build", "sold": "sell", "spent": "spend", "met": "meet", "knew": "know",
    "known": "know", "drove": "drive", "driven": "drive", "flew": "fly", "flown": "fly", "ate": "eat", "eaten": "eat", "forgot": "forget",
    "forgotten": "forget", "said": "say", "thought": "think", "brought": "bring", "owed": "owe", "stolen": "steal", "worn": "wear", "was": "be",
    "were": "be", "is": "be", "are": "be", "been": "be", "being": "be", "an": "a", "feet": "foot", "teeth": "tooth",
    "fees": "fee", "using": "use", "used": "use", "lives": "live", "dying": "die", "died": "die", "lent": "lend", "wives": "wife", "knives": "knife",
}  # fmt: skip
_NUMBERS = {
    word: str(value)
    for value, word in enumerate(
        [
            "zero",
            "-",
            "two",
            "three",
            "four",
            "five",
            "six",
            "seven",
            "eight",
            "nine",
            "ten",
            "eleven",
            "twelve",
            "thirteen",
            "fourteen",
            "fifteen",
            "sixteen",
            "seventeen",
            "eighteen",
            "nineteen",
        ]
    )
} | {
    word: str(value * 10)
    for value, word in enumerate(
        ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety", "hundred"], 2
    )
}
_VOWELS = frozenset("aeiou")
_SHORTEST_STEM = 3


@dataclass(frozen=True, slots=True)
class Lexicon:
    """
    Words and phrases in their plain forms, words of a phrase parted by blanks.

    Attributes:
        meanings: numbers of the groups of synonyms that a phrase is in; a word of several meanings is in several.
        sides: sides of opposites that a phrase is on: 2n and 2n + 1 are opposite.
        kinds: numbers of the lists of alternatives, such as months, that a phrase is in.
        words: of all phrases, by their first letters.
        longest: words of the longest phrase.
    """

    meanings: Mapping[str, frozenset[int]]
    sides: Mapping[str, frozenset[int]]
    kinds: Mapping[str, frozenset[int]]
    words: Mapping[str, frozenset[str]]
    longest: int


@dataclass(frozen=True, slots=True)
class Word:
    """
    A word where it stands.

    Attributes:
        form: plain: in lower case, without endings, numbers in digits.
        written: as it stands.
        start: of it in the text, in characters.
        end: one past it.
    """

    form: str
    written: str
    start: int
    end: int


def split_words(text: str) -> list[Word]:
    """The words of a text in their plain forms; `don't` is two, marks are none, and a money sign is its currency."""
    found: list[Word] = []
    for match in _WORD.finditer(text):
        written = match.group()
        length = len(written.partition("'")[0].partition("’")[0])
        forms = _part(written.lower().replace("’", "'"))
        found += [Word(form, written, match.start(), match.start() + length) for form in forms]
    return found


def load_lexicon() -> Lexicon:
    """The lists that ship with the package: some 400 groups of synonyms, 80 pairs of opposites and 50 lists of alternatives; takes milliseconds."""
    folder = files("turnout.router.cache.semantic") / "words"
    synonyms, opposites, alternatives = (
        (folder / f"{name}.txt").read_text("utf-8") for name in ("synonyms", "opposites", "alternatives")
    )
    meanings = _number_groups(synonyms.splitlines())
    sides = _number_groups(side for line in opposites.splitlines() for side in line.split("|"))
    kinds = _number_groups(alternatives.splitlines())
    phrases = meanings.keys() | sides.keys() | kinds.keys()
    words: dict[str, set[str]] = {}
    for phrase in phrases:
        for word in phrase.split():
            words.setdefault(word[0], set()).add(word)
    frozen = {letter: frozenset(known) for letter, known in words.items()}
    return Lexicon(meanings, sides, kinds, frozen, max(phrase.count(" ") + 1 for phrase in phrases))


def _number_groups(groups: Iterable[str]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for number, group in enumerate(groups):
        for phrase in _read_phrases(group):
            found.setdefault(phrase, set()).add(number)
    return {phrase: frozenset(numbers) for phrase, numbers in found.items()}


def _read_phrases(line: str) -> list[str]:
    return [" ".join(word.form for word in split_words(phrase)) for phrase in line.split(",")]


def _part(written: str) -> tuple[str, ...]:
    if written in _SYMBOLS:
        return (_SYMBOLS[written],)
    if written[0].isdigit():
        return (written.replace(",", "").removesuffix(".00"),)
    whole = _CONTRACTIONS.get(written)
    if whole:
        return tuple(map(_find_form, whole.split()))
    for ending, meant in _ENDINGS:
        if written.endswith(ending) and len(written) > len(ending):
            form = _find_form(written.removesuffix(ending))
            return (form, _find_form(meant)) if meant else (form,)
    return (_find_form(written.replace("'", "")),)


def _find_form(word: str) -> str:
    """
    The plain form by rules: one form for all endings of a word, though not always the dictionary's.

    Source: the first steps of Porter, An algorithm for suffix stripping (1980), with exceptions for common irregular forms.
    """
    if word in _NUMBERS:
        return _NUMBERS[word]
    stem = _FORMS.get(word) or _cut_ending(word)
    if len(stem) > _SHORTEST_STEM:
        stem = stem.removesuffix("e")
    return stem[:-1] if stem.endswith("ll") else stem


def _cut_ending(word: str) -> str:
    stem = word
    if word.endswith("ies") and len(word) > len("ties"):
        stem = word[:-3] + "y"
    elif word.endswith(("sses", "shes", "ches", "xes", "zes")):
        stem = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > _SHORTEST_STEM:
        stem = word[:-1]
    for ending in ("ing", "ed"):
        cut = stem.removesuffix(ending)
        if cut != stem and len(cut) >= _SHORTEST_STEM and _VOWELS & set(cut):
            return _trim(cut)
    return stem


def _trim(stem: str) -> str:
    """Without a doubled last consonant."""
    is_doubled = len(stem) > _SHORTEST_STEM and stem[-1] == stem[-2] and stem[-1] not in "lsz"
    return stem[:-1] if is_doubled else stem
