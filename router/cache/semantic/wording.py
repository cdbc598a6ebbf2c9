"""Reads a question as the terms that an answer depends on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np
from numpy.typing import NDArray

from turnout.models.embedding.embedder import TokenVectors
from turnout.router.cache.semantic.lexicon import Lexicon, Word, split_words
from turnout.router.cache.semantic.spelling import TYPO_LETTERS, are_near, count_edits


def _split(words: str) -> frozenset[str]:
    return frozenset(word.form for word in split_words(words))


_EMPTY = _split(
    "a an the this that these those it its there here be is do does did have has will would shall should may might could must i me my mine "
    "you your we us our and or but so if of at as by about in on to for from into onto than then too also just really actually very much any "
    "some such what which who whom whose when where why how whether please thank thanks cheer cheers hi hello hey hiya um uh er okay ok yeah "
    "yes well like oh sorry lol quick question one anything something thing stuff way get go want let tell know need try can able possible "
    "they them their he she his her him again yet already out up back own bit lot off down through around someone somebody anyone everyone "
    "everything else myself yourself dear kindly advance possibly wonder wondering look ask say step exactly currently still ever even right "
    "now mean gonna wanna 's am been"
)
_SCOPE = _split(
    "without before after until except only unless over under per all each every both within first last next more less than max min"
)
_NEGATIVE = _split("not no never none nothing nobody neither nor without non unable hardly")
_HALVES = _split("am pm")
_PERSONS = _split(
    "child kid son daughter baby toddler teenager parent mother father mum dad mom grandmother grandfather husband wife partner spouse ex "
    "friend brother sister family colleague employee staff contractor manager boss employer admin team guest visitor resident tenant "
    "landlord lodger student pupil teacher customer member patient pensioner senior adult man woman boy girl driver passenger buyer seller "
    "owner neighbour director carer veteran volunteer apprentice freelancer"
)
_BOUNDARY = frozenset('.?!:;"“(')
_COMMONEST = 1996  # the first whole word of the vocabulary: `the`
_RAREST = log(30_000 / 1000)


@dataclass(frozen=True, slots=True)
class Term:
    """
    A word, or a phrase that the lexicon knows.

    Attributes:
        form: plain.
        kind: `content`, `number`, `scope` or `empty`.
        is_name: whether it's written with a capital letter within a sentence.
        is_person: whether it says whom the question is about.
        is_common: whether the embedding model has it as one token: a misspelt word isn't.
        weight: 0 to 1: how rare it is.
        meanings: groups of synonyms.
        sides: sides of opposites.
        kinds: lists of alternatives.
    """

    form: str
    kind: str
    is_name: bool
    is_person: bool
    is_common: bool
    weight: float
    meanings: frozenset[int]
    sides: frozenset[int]
    kinds: frozenset[int]


@dataclass(frozen=True, slots=True)
class Wording:
    """
    A question as it's compared.

    Attributes:
        terms: in their order.
        vectors: float32 (n, d), one of length 1 for each term: the mean of its tokens'.
        negations: how many.
        roles: what stands after `from` and what after `to`, as forms.
    """

    terms: tuple[Term, ...]
    vectors: NDArray[np.float32]
    negations: int
    roles: tuple[tuple[str, str], ...]


def read_wording(text: str, tokens: TokenVectors, lexicon: Lexicon) -> Wording:
    """
    The terms of a text.

    Args:
        text: a question.
        tokens: of the same text.
        lexicon: which phrases are one term.
    """
    is_shouted = sum(map(str.isupper, text)) > sum(map(str.islower, text))
    words = [_correct(word, tokens, lexicon) for word in split_words(text)]
    terms: list[Term] = []
    vectors: list[NDArray[np.float32]] = []
    at = 0
    while at < len(words):
        length = _measure_phrase(words, at, lexicon)
        part = words[at : at + length]
        rows = _find_tokens(tokens, part[0].start, part[-1].end)
        terms.append(_make_term(text, part, tokens.ids[rows].tolist(), lexicon, is_shouted))
        vector = tokens.vectors[rows].astype(np.float32).sum(0)
        vectors.append(vector / max(float(np.linalg.norm(vector)), 1e-9))
        at += length
    forms = [word.form for word in words]
    stacked = np.stack(vectors) if vectors else np.zeros((0, tokens.vectors.shape[1]), np.float32)
    return Wording(tuple(terms), stacked, sum(form in _NEGATIVE for form in forms), _find_roles(terms))


def _correct(word: Word, tokens: TokenVectors, lexicon: Lexicon) -> Word:
    """The word that the lexicon has in place of one that the model doesn't know; names stay."""
    form = word.form
    is_known = len(form) < TYPO_LETTERS or word.written[0].isupper() or form in lexicon.words.get(form[0], ())
    if is_known or int(np.count_nonzero(_find_tokens(tokens, word.start, word.end))) == 1:
        return word
    nearest = min(lexicon.words.get(form[0], ()), key=lambda known: (count_edits(form, known), known), default=form)
    return replace(word, form=nearest) if are_near(form, nearest) else word


def _measure_phrase(words: Sequence[Word], at: int, lexicon: Lexicon) -> int:
    """How many words from here on are one term."""
    for length in range(min(lexicon.longest, len(words) - at), 1, -1):
        phrase = " ".join(word.form for word in words[at : at + length])
        if phrase in lexicon.meanings or phrase in lexicon.sides or phrase in lexicon.kinds:
            return length
    return 1


def _find_tokens(tokens: TokenVectors, start: int, end: int) -> NDArray[np.bool_]:
    """Bool (t,): which tokens lie within these characters."""
    return np.asarray((tokens.spans[:, 0] < end) & (tokens.spans[:, 1] > start))


def _make_term(text: str, part: Sequence[Word], ids: Sequence[int], lexicon: Lexicon, is_shouted: bool) -> Term:
    form = " ".join(word.form for word in part)
    first = part[0]
    before = text[: first.start].rstrip()
    is_name = (
        not is_shouted and first.written[0].isupper() and bool(before) and before[-1] not in _BOUNDARY and form != "i"
    )
    if form.replace(".", "").isdigit():
        kind = "number"
    elif len(part) == 1 and form in _SCOPE:
        kind = "scope"
    elif len(part) == 1 and form in _EMPTY:
        kind = "empty"
    else:
        kind = "content"
    rarity = log(max(max(ids, default=30_000), _COMMONEST) / 1000) / _RAREST
    is_common = len(ids) == len(part)
    return Term(
        form, kind, is_name, not _PERSONS.isdisjoint(form.split()), is_common, min(1.0, rarity if is_common else 1.0),
        lexicon.meanings.get(form, frozenset()), lexicon.sides.get(form, frozenset()), lexicon.kinds.get(form, frozenset()),
    )  # fmt: skip


def _find_roles(terms: Sequence[Term]) -> tuple[tuple[str, str], ...]:
    roles: list[tuple[str, str]] = []
    for at, term in enumerate(terms):
        if term.form in ("from", "to", "leav", "into"):
            follower = next((other.form for other in terms[at + 1 : at + 4] if other.kind == "content"), None)
            if follower:
                roles.append(("to" if term.form in ("to", "into") else "from", follower))
    return tuple(roles)
