"""Misspelt words are near, other words aren't."""

import pytest

from turnout.router.cache.semantic.spelling import are_near, count_edits


@pytest.mark.parametrize(
    ("a", "b", "edits"),
    [("chlid", "child", 1), ("conection", "connection", 1), ("kitten", "sitting", 3), ("", "ab", 2)],
)
def test_neighbours_swapped_are_one_edit(a: str, b: str, edits: int) -> None:
    assert count_edits(a, b) == count_edits(b, a) == edits


@pytest.mark.parametrize(("a", "b"), [("am", "pm"), ("lock", "clock"), ("card", "cast"), ("evening", "morning")])
def test_short_words_and_other_beginnings_are_never_near(a: str, b: str) -> None:
    assert not are_near(a, b)


def test_a_long_word_may_have_two_edits() -> None:
    assert are_near("prescription", "perscripton")
    assert not are_near("prescription", "subscription")
