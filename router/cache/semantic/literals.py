"""Says which literal parts two questions don't share: what an embedding hardly sees and an answer depends on."""

import re
import unicodedata
from dataclasses import dataclass

_WORD = re.compile(r"\w+|[^\w\s]")
_DIGIT = re.compile(r"\d")
_NAME = re.compile(r"(?<!^)(?<![.?!:\"“] )\b[A-Z]\w+")
_VERBATIM = re.compile(r"`[^`]+`|https?://\S+|\b[\w.]+@[\w.]+\b|\"[^\"]+\"|“[^”]+”|\b\w+\([^)]*\)|(?:/[\w.-]+){2,}")


def _split(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NEGATIONS = _split(
    "not no never none nothing nobody neither nor without cannot cant can't isnt isn dont don doesnt doesn didnt didn wont won "
    "wouldnt wouldn shouldnt shouldn arent aren wasnt wasn werent weren hasnt hasn havent haven except unless"
)
_QUESTIONS = _split("what which who whom whose when where why how")
_UNITS = _split(
    "mg g kg lb oz ml l km m cm mm mile miles mph kmh usd eur gbp dollar dollars euro euros pound pounds percent celsius fahrenheit hour hours "
    "minute minutes second seconds day days week weeks month months year years monday tuesday wednesday thursday friday saturday sunday january "
    "february march april june july august september october november december today tomorrow yesterday weekly monthly yearly daily annual"
)
_OPPOSITES = tuple(
    tuple(frozenset(side.split("/")) for side in pair.split())
    for pair in (
        "open/opened/opening/opens close/closed/closing/closes", "before after", "with without", "increase/raise decrease/reduce/lower",
        "enable/activate disable/deactivate", "allow/allowed/permit forbid/forbidden/ban/banned", "cheapest/cheap dearest/expensive",
        "minimum/min/least/lowest maximum/max/most/highest", "first last", "buy/buying sell/selling", "start/begin stop/end/quit", "on off",
        "up down", "left right", "hot cold", "more less/fewer", "best worst", "better worse", "import export", "accept/approve reject/decline/refuse",
        "include/including exclude/excluding", "add remove/delete", "win lose", "true false", "arrive/arrival depart/departure/leave",
        "borrow lend", "send receive", "push pull", "upload download", "encrypt decrypt", "hire fire", "pass fail", "lock unlock",
        "eat/take avoid", "early late", "short long", "small large/big", "old new", "inside outside", "ascending descending",
        "synchronous asynchronous", "public private", "pros/advantages/benefits cons/disadvantages/drawbacks", "gain loss",
    )
)  # fmt: skip
_PREFIXES = ("un", "in", "im", "dis", "non", "il", "ir")
_FEWEST_SHARED = 3
_LONGEST_SLOT = 3
_SEEN_OF_TEXT = 2000


@dataclass(frozen=True, slots=True)
class Literals:
    """
    What is compared of a question.

    Attributes:
        words: in their order, in lower case; punctuation marks are words.
        vocabulary: the same without order.
        numbers: words with a digit: numbers, dates, ids.
        units: words for measures and times.
        names: words with a capital letter within a sentence.
        negations: how many.
        verbatim: code, addresses and quotations.
        questions: question words.
        script: in which most letters are written.
        length: in characters.
    """

    words: tuple[str, ...]
    vocabulary: frozenset[str]
    numbers: frozenset[str]
    units: frozenset[str]
    names: frozenset[str]
    negations: int
    verbatim: frozenset[str]
    questions: frozenset[str]
    script: str
    length: int


def read_literals(text: str) -> Literals:
    """The literals of a question; only its first 2,000 characters are read."""
    seen = text[:_SEEN_OF_TEXT]
    words = tuple(_WORD.findall(seen.lower()))
    vocabulary = frozenset(words)
    return Literals(
        words=words,
        vocabulary=vocabulary,
        numbers=frozenset(word for word in vocabulary if _DIGIT.search(word)),
        units=vocabulary & _UNITS,
        names=frozenset(_NAME.findall(seen)),
        negations=sum(word in _NEGATIONS for word in words),
        verbatim=frozenset(_VERBATIM.findall(seen)),
        questions=vocabulary & _QUESTIONS,
        script=_find_script(seen),
        length=len(text),
    )


def find_conflicts(a: Literals, b: Literals) -> tuple[str, ...]:
    """
    Why two questions may need different answers though they look alike, as reason codes; none if nothing literal speaks against it.

    A conflict isn't yet a refusal: people who ask the same use other words. How much each kind weighs is learned from judged pairs.
    """
    if a.vocabulary == b.vocabulary and a.words == b.words and a.names == b.names:
        return ()
    only_a, only_b = a.vocabulary - b.vocabulary, b.vocabulary - a.vocabulary
    found = (
        ("number", a.numbers != b.numbers),
        ("unit", a.units != b.units),
        ("negation", a.negations % 2 != b.negations % 2),
        ("antonym", _are_opposite(only_a, only_b)),
        ("name", a.names != b.names),
        ("verbatim", a.verbatim != b.verbatim),
        ("question_word", a.questions != b.questions),
        ("language", a.script != b.script),
        ("slot", _differ_in_one_slot(a.words, b.words)),
    )
    return tuple(code for code, is_found in found if is_found)


def _are_opposite(only_a: frozenset[str], only_b: frozenset[str]) -> bool:
    for one, other in _OPPOSITES:
        if (only_a & one and only_b & other) or (only_b & one and only_a & other):
            return True
    return _has_prefixed(only_a, only_b) or _has_prefixed(only_b, only_a)


def _has_prefixed(words: frozenset[str], others: frozenset[str]) -> bool:
    return any(word.startswith(_PREFIXES) and word[cut:] in others for word in words for cut in (2, 3))


def _differ_in_one_slot(a: tuple[str, ...], b: tuple[str, ...]) -> bool:
    """Whether both are one template, filled differently at one place."""
    if a == b:
        return False
    shortest = min(len(a), len(b))
    start = 0
    while start < shortest and a[start] == b[start]:
        start += 1
    end = 0
    while end < shortest - start and a[-1 - end] == b[-1 - end]:
        end += 1
    longest = max(len(a), len(b)) - start - end
    return start + end >= _FEWEST_SHARED and longest <= _LONGEST_SLOT and shortest > start + end


def _find_script(text: str) -> str:
    """The first word of the Unicode names of most letters: LATIN, CYRILLIC, CJK; an empty text where there are no letters."""
    if text.isascii():
        return "LATIN" if any(map(str.isalpha, text)) else ""
    counts: dict[str, int] = {}
    for letter in filter(str.isalpha, text):
        script = "LATIN" if letter.isascii() else unicodedata.name(letter, "").split(" ", 1)[0]
        counts[script] = counts.get(script, 0) + 1
    return max(counts, key=lambda script: counts[script], default="")
