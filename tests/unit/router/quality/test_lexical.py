"""Lexical signals tell kinds of prompts apart, cheaply and without failing on any text."""

import time

import numpy as np
import pytest

from turnout.router.quality.lexical import NAMES, READ_BYTES, read
from turnout.router.quality.prior import difficulty, look_like_code, look_like_math

CODE = "```python\ndef add(a, b):\n    return a + b\n```\nWhy does this fail?"
MATH = r"Let $f(x) = x^2 + 3x + 1$. Compute $\int_0^{12} f(x) dx + 34 * 17$."
TALK = "who wrote the song that everybody sang last summer"


def signal(prompt: str, name: str) -> float:
    return float(read(prompt)[NAMES.index(name)])


def test_counts_are_logarithms_and_shares_are_shares() -> None:
    assert signal("ab 12\n", "bytes") == pytest.approx(np.log1p(6))
    assert signal("ab 12\n", "words") == pytest.approx(np.log1p(2))
    assert signal("ab 12\n", "word_bytes") == pytest.approx(2)
    assert signal("ab 12\n", "share_digits") == pytest.approx(2 / 6)
    assert signal("What is it?", "opens_what") == 1
    assert signal("it is what?", "opens_what") == 0


def test_code_and_math_are_told_from_talk() -> None:
    rows = np.array([read(CODE), read(MATH), read(TALK)])
    assert look_like_code(rows).argmax() == 0
    assert look_like_code(rows)[2] == 0
    assert look_like_math(rows).argmax() == 1
    assert look_like_math(rows)[2] == 0
    assert difficulty(rows)[2] < min(difficulty(rows)[:2])


def test_text_that_is_not_english_has_foreign_bytes() -> None:
    assert signal("Wie heißt die Hauptstadt von Österreich?", "share_foreign") > 0
    assert signal(TALK, "share_foreign") == 0


@pytest.mark.parametrize("prompt", ["", " ", "\n\n", "\ud800", "\0" * 10, "?" * 100_000, "дом " * 50_000])
def test_every_text_has_finite_signals(prompt: str) -> None:
    signals = read(prompt)
    assert signals.shape == (len(NAMES),)
    assert signals.dtype == np.float32
    assert np.isfinite(signals).all()


def test_of_a_long_prompt_both_ends_are_read_and_all_of_it_is_counted() -> None:
    middle = "word " * READ_BYTES
    assert signal("What " + middle, "opens_what") == 1
    assert signal(middle + "```", "fences") > 0
    assert signal(middle, "words") == pytest.approx(np.log1p(READ_BYTES), abs=0.02)


def test_a_kilobyte_is_read_in_microseconds() -> None:
    prompt = (TALK + ", " + MATH + " ") * 8
    read(prompt)
    began = time.process_time()
    for _ in range(200):
        read(prompt[:1000])
    assert (time.process_time() - began) / 200 < 200e-6  # goal 20 µs; ten times that here, where other tests run too
