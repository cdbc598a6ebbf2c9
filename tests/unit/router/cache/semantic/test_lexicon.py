"""Words have plain forms, and the lists say which mean the same, the opposite, or another of a kind."""

import pytest

from turnout.router.cache.semantic.lexicon import Lexicon, load_lexicon, split_words


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return load_lexicon()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cancelled", "cancel"),
        ("making", "make"),
        ("deliveries", "delivery"),
        ("stopped", "stops"),
        ("bought", "buy"),
        ("two", "2"),
        ("£40,000", "40000 pounds"),
        ("can't", "cannot"),
        ("What's", "what"),
        ("selling", "sell"),
    ],
)
def test_forms_of_a_word_are_one(one: str, other: str) -> None:
    assert sorted(word.form for word in split_words(one)) == sorted(word.form for word in split_words(other))


def test_other_words_stay_others() -> None:
    forms = [word.form for word in split_words("Austria Australia unlock lock Mary Mark")]
    assert len(set(forms)) == 6


def test_a_word_ends_before_what_is_hung_on_it() -> None:
    (mary, *_) = split_words("Mary's")
    assert (mary.start, mary.end, mary.form) == (0, 4, "mary")


def test_every_pair_of_opposites_has_two_sides(lexicon: Lexicon) -> None:
    sides = frozenset[int]().union(*lexicon.sides.values())
    assert {side ^ 1 for side in sides} == sides
    assert any(side ^ 1 in lexicon.sides["disabl"] for side in lexicon.sides["enabl"])


def test_synonyms_share_a_group_and_alternatives_a_list(lexicon: Lexicon) -> None:
    assert lexicon.meanings["cancel"] & lexicon.meanings["terminat"]
    assert not lexicon.meanings.get("monday", frozenset()) & lexicon.meanings.get("tuesday", frozenset())
    assert lexicon.kinds["monday"] & lexicon.kinds["tuesday"]
