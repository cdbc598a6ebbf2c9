"""Literal parts that two questions don't share have names."""

import time

import pytest

from turnout.router.cache.semantic.literals import find_conflicts, read_literals

CONFLICTS = [
    ("Can I take 550 mg?", "Can I take 483 mg?", "number"),
    ("What's due on 2024-01-02?", "What's due on 2024-01-03?", "number"),
    ("How far is it in miles?", "How far is it in km?", "unit"),
    ("Does the shop open on Monday?", "Does the shop open on Tuesday?", "unit"),
    ("Which plants are toxic to cats?", "Which plants are not toxic to cats?", "negation"),
    ("Is the clinic open?", "Is the clinic closed?", "antonym"),
    ("Is ibuprofen safe with alcohol?", "Is ibuprofen unsafe with alcohol?", "antonym"),
    ("How do I get to Berlin?", "How do I get to Munich?", "name"),
    ("What does `rm -r` do?", "What does `rm -f` do?", "verbatim"),
    ("Summarise https://a.example/x", "Summarise https://a.example/y", "verbatim"),
    ("When was it built?", "Where was it built?", "question_word"),
    ("how are you", "как дела", "language"),
    ("how do I bake rye bread at home", "how do I bake corn bread at home", "slot"),
]


@pytest.mark.parametrize(("a", "b", "code"), CONFLICTS)
def test_a_conflict_has_its_code_whichever_was_stored(a: str, b: str, code: str) -> None:
    one, other = read_literals(a), read_literals(b)
    assert code in find_conflicts(one, other)
    assert find_conflicts(one, other) == find_conflicts(other, one)


def test_the_same_words_have_no_conflict() -> None:
    text = "Why was my 2nd payment to Ann rejected?"
    assert find_conflicts(read_literals(text), read_literals(text)) == ()


def test_other_words_for_the_same_have_no_conflict() -> None:
    one, other = read_literals("how can I get my money back"), read_literals("please tell me how a refund works here")
    assert find_conflicts(one, other) == ()


def test_two_negations_cancel() -> None:
    one, other = read_literals("it is never not open"), read_literals("it is always open these are odd words")
    assert "negation" not in find_conflicts(one, other)


def test_a_long_text_is_read_in_part() -> None:
    assert len(read_literals("word " * 100_000).words) == 400


def test_a_pair_is_compared_in_microseconds() -> None:
    one = read_literals("Which foods should I eat before surgery if I have diabetes and take 20 mg of insulin?")
    other = read_literals("Which foods should I avoid before surgery if I have diabetes and take 40 mg of insulin?")
    best_us = min(_time_us(one, other) for _ in range(5))
    assert best_us < 50


def _time_us(one: object, other: object) -> float:
    began = time.process_time()
    for _ in range(300):
        find_conflicts(one, other)  # type: ignore[arg-type]
    return (time.process_time() - began) / 300 * 1e6
