"""Tells turns of a conversation that stand alone from those that lean on what was said before."""

from collections.abc import Sequence
from enum import Enum
from itertools import pairwise

from turnout.router.cache.semantic.lexicon import split_words
from turnout.router.cache.semantic.wording import Term, Wording


def _split(words: str) -> frozenset[str]:
    return frozenset(word.form for word in split_words(words))


_ASKING = _split("what which who whom whose when where why how")
_AUXILIARY = _split("be do does did have can could will would shall should may might must")
_SUBJECTS = _split("i you we it they there that this the my your he she these those a an any anyone")
_TELLING = _split("tell explain say recommend confirm describe show")
_LEANING = _split(
    "it that those these they them he she his her him its one instead too also then again else other two my me we us our mine another both "
    "such so and but ok okay actually still there yes yeah no"
)
_TIMES = _split("day week month year morning evening weekend time summer winter spring autumn")
_HAVING = _split("do does did be have")
_PERSONAL = _split("i you we they people")
_YOU, _THIS, _BE, _DO = "you", "this", "be", "do"
(_THERE,), (_ABOUT,) = _split("there"), _split("about")
_SPECIFIC_ENOUGH = 2.0


class TurnKind(Enum):
    """What an answer to a turn depends on."""

    ACT = "act"
    """It says yes, gives an order or states something: what it does depends on everything before, and doing isn't answering."""
    SELF_CONTAINED = "self_contained"
    """It asks for something that it names."""
    DEPENDENT = "dependent"
    """It asks for something that was named before."""


def classify_turn(turn: Wording) -> TurnKind:
    """
    What kind of turn it is; in doubt not one that stands alone, and not one that asks.

    A question for a service's facts names them: two or three uncommon words, no pronoun that points back, and nobody's own affairs.
    """
    forms = [word for term in turn.terms for word in term.form.split()]
    if not _is_question(forms):
        return TurnKind.ACT
    if _leans(forms) or _measure_specificity(turn.terms) < _SPECIFIC_ENOUGH:
        return TurnKind.DEPENDENT
    return TurnKind.SELF_CONTAINED


def _is_question(forms: Sequence[str]) -> bool:
    if not _ASKING.isdisjoint(forms):
        return True
    for place, (form, follower) in enumerate(pairwise(forms)):
        subjects = _PERSONAL if form == _DO else _SUBJECTS  # `do it` is an order
        if form in _AUXILIARY and ((not place and form != _DO) or follower in subjects):
            is_order = follower == _YOU and form not in _HAVING
            return not is_order or not _TELLING.isdisjoint(forms[place + 2 : place + 3])
    return False


def _leans(forms: Sequence[str]) -> bool:
    for place, form in enumerate(forms):
        before = forms[place - 1] if place else ""
        if form in _LEANING and not (form == _THERE and before == _BE):
            return True
        if form == _THIS and _TIMES.isdisjoint(forms[place + 1 : place + 2]):
            return True
        if form == _ABOUT and before in _ASKING:
            return True
    return False


def _measure_specificity(terms: Sequence[Term]) -> float:
    """The rarity of what is asked for; words that ask don't count."""
    return sum(
        term.weight + (1.0 if term.is_name else 0.0)
        for term in terms
        if term.kind == "content" and not term.form.startswith("how ")
    )
