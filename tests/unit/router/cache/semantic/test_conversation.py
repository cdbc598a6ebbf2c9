"""Turns that lean on what was said need the same facts; orders, consents and agents' steps never match."""

import pytest

from tests.wordings import say, word
from turnout.router.cache.semantic.conversation import Message, assess_turn
from turnout.router.cache.semantic.lexicon import Lexicon, load_lexicon
from turnout.router.cache.semantic.turns import TurnKind, classify_turn
from turnout.router.cache.semantic.verifier import Assessment, Verifier

KINDS = [
    ("yes, do it", TurnKind.ACT),
    ("go ahead then", TurnKind.ACT),
    ("let's take the second one", TurnKind.ACT),
    ("can you cancel it please", TurnKind.ACT),
    ("Result: 17 rows", TurnKind.ACT),
    ("how long does that take?", TurnKind.DEPENDENT),
    ("and what does it cost?", TurnKind.DEPENDENT),
    ("does that include towels?", TurnKind.DEPENDENT),
    ("What about Venus?", TurnKind.DEPENDENT),
    ("What's the minimum deposit for renting an Aurora caravan?", TurnKind.SELF_CONTAINED),
    ("Is there wheelchair parking near Harbour Theatre entrance?", TurnKind.SELF_CONTAINED),
]
CABIN = [
    ("user", "I'd like to rent the lake cabin for 3 nights"),
    ("assistant", "The lake cabin is free, 3 nights are 240 euros"),
]


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


def talk(lexicon: Lexicon, *spoken: tuple[str, str]) -> list[Message]:
    return [say(role, text, lexicon) for role, text in spoken]


def assess(a: list[Message], b: list[Message]) -> Assessment:
    return assess_turn(a, b, Verifier.load())


@pytest.mark.parametrize(("text", "kind"), KINDS)
def test_turns_are_told_apart(text: str, kind: TurnKind, lexicon: Lexicon) -> None:
    assert classify_turn(word(text, lexicon)) is kind


def test_a_question_that_stands_alone_matches_in_any_conversation(lexicon: Lexicon) -> None:
    asked = ("user", "What's the minimum deposit for renting an Aurora caravan?")
    other = [("user", "Do you sell tents?"), ("assistant", "We don't, sorry.")]
    assert assess(talk(lexicon, *CABIN, asked), talk(lexicon, *other, asked)).risk < 0.2


def test_a_question_that_leans_matches_where_the_same_was_said(lexicon: Lexicon) -> None:
    asked = ("user", "does that include towels?")
    assert assess(talk(lexicon, *CABIN, asked), talk(lexicon, *CABIN, asked)).risk < 0.2


def test_a_question_that_leans_on_other_facts_is_refused(lexicon: Lexicon) -> None:
    asked = ("user", "does that include towels?")
    other = [(role, text.replace("3 nights", "5 nights").replace("240", "400")) for role, text in CABIN]
    found = assess(talk(lexicon, *CABIN, asked), talk(lexicon, *other, asked))
    assert found.risk == 1.0
    assert "context_number" in found.reasons


def test_a_question_that_leans_on_another_subject_is_risky(lexicon: Lexicon) -> None:
    asked = ("user", "does that include towels?")
    other = [("user", "My scooter makes odd noises downhill"), ("assistant", "Bring it round for a check")]
    assert assess(talk(lexicon, *CABIN, asked), talk(lexicon, *other, asked)).risk > 0.7


def test_a_question_that_leans_never_matches_one_without_a_context(lexicon: Lexicon) -> None:
    asked = ("user", "does that include towels?")
    assert assess(talk(lexicon, *CABIN, asked), talk(lexicon, asked)).risk == 1.0


def test_chatter_that_only_one_has_does_no_harm(lexicon: Lexicon) -> None:
    asked = ("user", "does that include towels?")
    chatter = [("user", "my dog Rex turned 7 yesterday, lovely weather"), ("assistant", "How nice!")]
    assert assess(talk(lexicon, *CABIN, *chatter, asked), talk(lexicon, *CABIN, asked)).risk < 0.2


@pytest.mark.parametrize("consent", ["yes, do it", "go ahead", "ok book it"])
def test_consent_never_matches_even_after_the_same_words(consent: str, lexicon: Lexicon) -> None:
    talked = talk(lexicon, *CABIN, ("user", consent))
    assert assess(talked, talked).risk == 1.0


@pytest.mark.parametrize("role", ["tool", "function", "developer"])
def test_nothing_matches_where_a_tool_has_answered(role: str, lexicon: Lexicon) -> None:
    asked = ("user", "What's the minimum deposit for renting an Aurora caravan?")
    talked = talk(lexicon, *CABIN, (role, "deposit 300"), asked)
    assert assess(talked, talked) == Assessment(1.0, ("agent_loop",))
