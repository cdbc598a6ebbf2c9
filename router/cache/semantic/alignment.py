"""Finds what of one question has no counterpart in the other."""

from collections.abc import Iterable, Sequence
from math import exp

import numpy as np
from numpy.typing import NDArray

from turnout.router.cache.semantic.spelling import are_near
from turnout.router.cache.semantic.wording import Term, Wording

FEATURES: tuple[str, ...] = (
    "one", "unlike", "unshared", "weakest", "gap", "number", "number_missing", "negation", "only_negation", "opposite", "alternative", "special",
    "slot",
    "inserted", "person", "name", "names", "role", "meant",
)  # fmt: skip
"""
What `compare` returns, in its order: 1 for a bias; how unlike the vectors are; the share of both questions that the other lacks, by rarity; the
heavier side's worst loss or the other's, whichever is less; how far the furthest term is from its nearest counterpart; kinds of differences; and how
much is shared by meaning only.
"""

_SAME, _TYPO, _MEANT = 1.0, 0.95, 0.85
_TEMPLATE = 0.7  # of the words are the same where one was put in or exchanged
_SMOOTHING = 0.5


def compare(a: Wording, b: Wording, cosine: float) -> list[float]:
    """
    How much speaks against two questions having one answer, as `FEATURES` names it; 0 nowhere does, except for `one`.

    Args:
        a: one question.
        b: the other.
        cosine: of their sentence vectors.
    """
    lexical = _match_all(a.terms, b.terms)
    close = a.vectors @ b.vectors.T
    left, right = _weigh_unshared(a, lexical, close), _weigh_unshared(b, lexical.T, close.T)
    only_a = [term for term, row in zip(a.terms, lexical, strict=True) if row.max(initial=0) < _MEANT]
    only_b = [term for term, row in zip(b.terms, lexical.T, strict=True) if row.max(initial=0) < _MEANT]
    losses = [lost for lost, _ in left + right]
    worst = [max((lost for lost, _ in side), default=0.0) for side in (left, right)]
    total = sum(term.weight for term in (*a.terms, *b.terms) if term.kind != "empty") + _SMOOTHING
    negation = float(a.negations % 2 != b.negations % 2)
    lacking = max(sum(lost for lost, _ in side) for side in (left, right))
    names = _has_other_name(only_a) + _has_other_name(only_b)
    things = sorted((_count_things(only_a), _count_things(only_b)))
    is_template = _share_rest(lexical)
    return [
        1.0,
        1 - cosine,
        sum(losses) / total,
        min(worst),
        max((gap for _, gap in left + right), default=0.0),
        *_compare_numbers(a, b),
        negation,
        negation * exp(-2 * lacking),
        float(_are_opposite(only_a, only_b)),
        float(_are_alternatives(only_a, only_b)),
        float(_is_special(only_a, only_b) or _is_special(only_b, only_a)),
        float(things == [1, 1] and is_template),
        float(things == [0, 1] and is_template),
        float(_has_person(only_a) or _has_person(only_b)),
        float(names > 0),
        float(names > 1),
        float(_swap_roles(a.roles, b.roles)),
        float(np.sum((lexical == _MEANT).any(1))) / (len(a.terms) + 1),
    ]


def _match_all(a: Sequence[Term], b: Sequence[Term]) -> NDArray[np.float32]:
    """Float32 (n, m): how surely terms are the same; one that is found word for word is nobody else's counterpart."""
    lexical = np.array([[_match(one, other) for other in b] for one in a], dtype=np.float32).reshape(len(a), len(b))
    exact = lexical == _SAME
    taken = exact.any(1)[:, None] | exact.any(0)[None, :]
    lexical[taken & ~exact] = 0.0
    return lexical


def _match(one: Term, other: Term) -> float:
    """How surely two terms are the same, by their letters and by the lexicon."""
    if one.form == other.form:
        return _SAME
    if one.kind == "number" or other.kind == "number":
        return 0.0
    is_opposite = any(side ^ 1 in other.sides and side not in other.sides for side in one.sides)
    if one.meanings & other.meanings and not is_opposite:
        return _MEANT
    if _are_misspelt(one, other):
        return _TYPO
    return 0.0


def _are_misspelt(one: Term, other: Term) -> bool:
    """Whether one is the other, misspelt: a word that the model doesn't have as one token, a letter or two away; names are never."""
    if (one.is_common and other.is_common) or one.is_name or other.is_name:
        return False
    return one.kind == other.kind == "content" and are_near(one.form, other.form)


def _weigh_unshared(
    wording: Wording, lexical: NDArray[np.float32], close: NDArray[np.float32]
) -> list[tuple[float, float]]:
    """For each term with a weight: how much of it the other question lacks, and how far its nearest counterpart is."""
    found: list[tuple[float, float]] = []
    for at, term in enumerate(wording.terms):
        if term.kind == "empty":
            continue
        matched = float(lexical[at].max(initial=0))
        nearest = float(close[at].max(initial=0))
        if matched >= _MEANT:
            found.append((term.weight * (1 - matched) * 0.5, 0.0))
        else:
            gap = 1 - max(0.0, nearest)
            found.append((term.weight * min(1.0, 2 * gap), gap))
    return found


def _compare_numbers(a: Wording, b: Wording) -> tuple[float, float]:
    """Whether both have numbers that the other lacks, and whether only one does."""
    mine, other = ({term.form for term in wording.terms if term.kind == "number"} for wording in (a, b))
    return float(bool(mine - other) and bool(other - mine)), float(mine != other)


def _are_opposite(only_a: Sequence[Term], only_b: Sequence[Term]) -> bool:
    sides, others = (frozenset(side for term in terms for side in term.sides) for terms in (only_a, only_b))
    return any(side ^ 1 in others and side not in others for side in sides) or _has_prefixed(only_a, only_b)


def _has_prefixed(only_a: Sequence[Term], only_b: Sequence[Term]) -> bool:
    forms = {term.form for term in only_a}, {term.form for term in only_b}
    return any(
        prefix + form in forms[1 - side]
        for side in (0, 1)
        for form in forms[side]
        for prefix in ("un", "in", "im", "dis", "non", "il", "ir", "de")
    )


def _are_alternatives(only_a: Sequence[Term], only_b: Sequence[Term]) -> bool:
    """Whether there are two of one kind, such as two months, or two phrases that end alike, such as two kinds of insurance."""
    return any(
        not one.meanings & other.meanings and (one.kinds & other.kinds or _end_alike(one.form, other.form))
        for one in only_a
        for other in only_b
    )


def _end_alike(a: str, b: str) -> bool:
    return " " in a and " " in b and a.rsplit(" ", 1)[-1] == b.rsplit(" ", 1)[-1]


def _is_special(only_a: Sequence[Term], only_b: Sequence[Term]) -> bool:
    """Whether a phrase of one is a kind of what the other asks for, such as a joint account."""
    return any(
        one.form.endswith(f" {other.form}") and not one.meanings & other.meanings for one in only_a for other in only_b
    )


def _count_things(terms: Iterable[Term]) -> int:
    return sum(term.kind != "empty" for term in terms)


def _share_rest(lexical: NDArray[np.float32]) -> bool:
    """Whether all but two or so of the words are the same: one template, filled differently."""
    return float((lexical >= _TYPO).any(1).mean()) >= _TEMPLATE if lexical.size else False


def _has_person(terms: Iterable[Term]) -> bool:
    return any(term.is_person for term in terms)


def _has_other_name(only: Iterable[Term]) -> bool:
    return any(term.is_name and term.kind == "content" for term in only)


def _swap_roles(a: Iterable[tuple[str, str]], b: Iterable[tuple[str, str]]) -> bool:
    mine, other = dict(a), dict(b)
    return any(
        mine.get(role) is not None and mine.get(role) == other.get(opposite)
        for role, opposite in (("from", "to"), ("to", "from"))
    )
