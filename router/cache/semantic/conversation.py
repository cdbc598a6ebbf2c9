"""Says how risky it is to answer a turn of one conversation with what a turn of another was answered."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from turnout.router.cache.semantic.alignment import FEATURES, compare
from turnout.router.cache.semantic.turns import TurnKind, classify_turn
from turnout.router.cache.semantic.verifier import TURNED, Assessment, Verifier
from turnout.router.cache.semantic.wording import Wording

ASSISTANT, USER = "assistant", "user"
_ALIKE = 0.5  # from here on two messages are about the same, and what differs in them matters
_REFUSED = 1.0


@dataclass(frozen=True, slots=True)
class Message:
    """
    A message of a conversation; what was read of it is kept, since conversations grow by their ends.

    Attributes:
        role: `user` or `assistant`; the system's message is part of the namespace.
        vector: float32 (d,), of length 1.
        wording: its terms.
    """

    role: str
    vector: NDArray[np.float32]
    wording: Wording


def assess_turn(asked: Sequence[Message], stored: Sequence[Message], verifier: Verifier) -> Assessment:
    """
    How risky the answer to one conversation's last turn is for another's.

    Both have the same system prompt and tools, or they are in different namespaces. A turn that stands alone is compared by itself. One that leans on
    what was said needs a context of the same facts, in which nothing that both talk about differs. A turn that says yes or gives an order is never
    the same as another, and neither is anything in a conversation with a tool's answer in it.

    Args:
        asked: the messages so far, the user's turn last.
        stored: those of the conversation that has an answer.
        verifier: of turns.
    """
    if any(message.role not in (USER, ASSISTANT) for message in (*asked, *stored)):
        return Assessment(_REFUSED, ("agent_loop",))
    turn, other = asked[-1], stored[-1]
    said = verifier.assess(turn.wording, other.wording, float(turn.vector @ other.vector))
    if len(asked) == len(stored) == 1:
        return said
    kinds = classify_turn(turn.wording), classify_turn(other.wording)
    if TurnKind.ACT in kinds:
        return Assessment(_REFUSED, ("act", *said.reasons))
    if kinds == (TurnKind.SELF_CONTAINED, TurnKind.SELF_CONTAINED):
        return said
    if len(asked) == 1 or len(stored) == 1:
        return Assessment(_REFUSED, ("context", *said.reasons))
    context = _compare_contexts(asked[:-1], stored[:-1])
    return Assessment(max(said.risk, context.risk), (*said.reasons, *context.reasons))


def _compare_contexts(asked: Sequence[Message], stored: Sequence[Message]) -> Assessment:
    """Facts that each has and the other lacks, what differs where both talk of the same, and how far what they began with is apart."""
    reasons: list[str] = []
    if _differ_both_ways(_find_forms(asked, is_number=True), _find_forms(stored, is_number=True)):
        reasons.append("context_number")
    if _differ_both_ways(_find_forms(asked, is_number=False), _find_forms(stored, is_number=False)):
        reasons.append("context_name")
    likeness = _measure_likeness(asked, stored)
    reasons += [f"context_{code}" for code in _find_turned(asked, stored, likeness)]
    if reasons:
        return Assessment(_REFUSED, tuple(dict.fromkeys(reasons)))
    beginning = min(float(likeness[0].max()), float(likeness[:, 0].max()))
    return Assessment(min(1.0, max(0.0, 1 - beginning)), ())


def _find_forms(messages: Sequence[Message], *, is_number: bool) -> frozenset[str]:
    return frozenset(
        term.form
        for message in messages
        for term in message.wording.terms
        if (term.kind == "number" if is_number else term.is_name and term.kind == "content")
    )


def _differ_both_ways(a: frozenset[str], b: frozenset[str]) -> bool:
    """Whether each has something of its own: what only one mentions may be chatter, what both have otherwise is another case."""
    return bool(a - b) and bool(b - a)


def _measure_likeness(a: Sequence[Message], b: Sequence[Message]) -> NDArray[np.float32]:
    """Float32 (n, m): cosines of messages of the same role; -1 for the others."""
    cosines = np.stack([message.vector for message in a]) @ np.stack([message.vector for message in b]).T
    is_same_role = np.array([[one.role == other.role for other in b] for one in a])
    return np.where(is_same_role, cosines, np.float32(-1))


def _find_turned(a: Sequence[Message], b: Sequence[Message], likeness: NDArray[np.float32]) -> list[str]:
    """What differs between messages that are each other's nearest: an age, a day, another branch, a yes for a no."""
    found: list[str] = []
    for row, message in enumerate(a):
        column = int(likeness[row].argmax())
        if likeness[row, column] < _ALIKE or int(likeness[:, column].argmax()) != row:
            continue
        features = dict(
            zip(FEATURES, compare(message.wording, b[column].wording, float(likeness[row, column])), strict=True)
        )
        found += [code for code in TURNED if features[code]]
    return found
