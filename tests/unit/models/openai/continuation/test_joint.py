"""Where a continuation by words goes on."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from turnout.models.openai.continuation.joint import TAIL_CHARS, Joint

LONG = " ".join(f"word{number}" for number in range(300))


def join(text: str, *pieces: str) -> str:
    """What comes out for a continuation in these pieces."""
    joint = Joint(text)
    return "".join([joint.take(piece) for piece in pieces]) + joint.close()


def letters(text: str) -> list[str]:
    return list(text)


@pytest.mark.parametrize(
    ("text", "continuation", "new"),
    [
        ("The capital of France", " is Paris.", " is Paris."),
        ("The capital of Fra", "nce is Paris.", "nce is Paris."),
        ("The capital of France", "of France is Paris.", " is Paris."),
        ("The capital of Fra", "capital of France is Paris.", "nce is Paris."),
        ("The capital of France", "The capital of France is Paris.", " is Paris."),
        ("The capital of France", "\n\nThe capital of France is Paris.", " is Paris."),
        ("The capital of France ", "The capital of France is Paris.", "is Paris."),
        ("The capital of France\n", "The capital of France is Paris.", " is Paris."),
        ("東京は日本の首都であり、世界", "首都であり、世界最大", "最大"),
        ("I like 😀😀😀😀😀😀😀😀", "😀😀😀😀😀😀😀😀 too", " too"),
        ("We went to the", "to the sea", " sea"),
        (LONG, LONG + " more", " more"),
        (LONG, LONG[-300:] + " more", " more"),
        (LONG + "\n", LONG + "\nmore", "more"),
    ],
)
def test_what_is_said_again_is_cut_off(text: str, continuation: str, new: str) -> None:
    assert join(text, continuation) == new
    assert join(text, *letters(continuation)) == new


@pytest.mark.parametrize(
    ("text", "continuation"),
    [
        ("a banana", "nana split"),
        ("It was red b", "d but old"),
        ("to be or not to be", "be that as it may"),
        ("one two three four", "Two three five"),
        ("yes yes. No", "yes yes. Maybe"),
        ("x = 1", "1"),
        (LONG, "word0 word1 and no more"),
    ],
)
def test_little_or_something_else_is_left_as_it_is(text: str, continuation: str) -> None:
    assert join(text, continuation) == continuation
    assert join(text, *letters(continuation)) == continuation


@pytest.mark.parametrize(
    ("text", "continuation", "new"),
    [
        ("of ", " France", "France"),
        ("of", " France", " France"),
        ("of", "\n\nFrance", "\n\nFrance"),
        ("one\n", "\n- two", "- two"),
        ("one\n\n", "\n\n- two", "- two"),
        ("def f():\n", "    return 1", "    return 1"),
        ("def f():\n    ", "    return 1", "return 1"),
        ("def f():\n    ", "\n    return 1", "return 1"),
        ("of ", "  ", " "),
        ("of", "", ""),
    ],
)
def test_blanks_on_both_sides_are_written_once(text: str, continuation: str, new: str) -> None:
    assert join(text, continuation) == new
    assert join(text, *letters(continuation)) == new


def test_pieces_flow_as_soon_as_they_are_new() -> None:
    joint = Joint("The capital of France")
    assert [joint.take(piece) for piece in ("of", " France", " is", " Paris")] == ["", "", " is", " Paris"]
    assert not joint.is_open
    assert joint.close() == ""


def test_no_more_is_held_back_than_could_be_said_again() -> None:
    joint = Joint(LONG)
    for at in range(len(LONG)):
        assert joint.take(LONG[at]) == "", "the whole text again"
    assert joint.take(" more") == " more"
    looping = Joint("Start. " + "and on " * 200)
    held = next(count for count in range(1000) if looping.take("and on "))
    assert held * len("and on ") <= TAIL_CHARS
    assert "is_open=True" in repr(Joint("a"))


@given(st.text("ab \n😀", max_size=60), st.text("ab \n😀", max_size=60), st.lists(st.integers(0, 60), max_size=6))
def test_nothing_is_added_and_pieces_make_no_difference(text: str, continuation: str, cuts: list[int]) -> None:
    edges = sorted({0, len(continuation), *(min(cut, len(continuation)) for cut in cuts)})
    pieces = [continuation[a:b] for a, b in itertools.pairwise(edges)]
    new = join(text, *pieces)
    assert continuation.endswith(new)
    assert new == join(text, *letters(continuation))


@given(st.text("abc 東😀\n", min_size=12, max_size=80), st.integers(8, 80), st.text("xyz", min_size=1, max_size=9))
def test_a_long_end_said_again_is_always_cut_off(text: str, size: int, rest: str) -> None:
    text = text.strip()
    repeated = text[-size:].lstrip()
    if len(repeated) >= 8:
        assert join(text, *letters(repeated + rest)) == rest
