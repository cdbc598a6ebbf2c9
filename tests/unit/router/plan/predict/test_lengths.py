"""How long answers are expected to be."""

import random

import pytest

from turnout.router.plan.predict.lengths import TYPICAL_TOKENS, Lengths


def test_quantiles_are_right_to_a_quarter_of_an_octave() -> None:
    rng, lengths = random.Random(5), Lengths()
    for _ in range(900):
        lengths.note(rng.randrange(1, 1001))
    for share in (0.25, 0.5, 0.9):
        assert lengths.quantile(share) == pytest.approx(1000 * share, rel=0.2)


def test_what_has_changed_is_believed_after_a_thousand_answers() -> None:
    lengths = Lengths()
    for tokens in [50] * 2000 + [800] * 1500:
        lengths.note(tokens)
    assert lengths.quantile(0.5) == pytest.approx(800, rel=0.2)


def test_zero_and_a_million_tokens_have_their_place() -> None:
    lengths = Lengths()
    lengths.note(0)
    assert lengths.quantile(0.5) < 2
    for _ in range(5):
        lengths.note(10**7)
    assert lengths.quantile(0.9) > 500_000


def test_the_median_is_at_hand_and_typical_before_anything_is_known() -> None:
    lengths = Lengths()
    assert lengths.median == TYPICAL_TOKENS
    for _ in range(9):
        lengths.note(40)
    assert lengths.median == pytest.approx(40, rel=0.2)
