"""What gold pairs say about a judge."""

import pytest

from turnout.router.cache.semantic.judgement import JudgeNoise, estimate_noise


def test_a_judge_is_exact_unless_said_otherwise() -> None:
    assert JudgeNoise().is_exact
    assert JudgeNoise().clarity == 1


def test_ranges_hold_the_shares_and_narrow_with_more_pairs() -> None:
    few, many = estimate_noise(100, 4, 100, 3), estimate_noise(10_000, 400, 10_000, 300)
    for noise in (few, many):
        assert noise.rejects_right[0] < 0.04 < noise.rejects_right[1]
        assert noise.accepts_wrong[0] < 0.03 < noise.accepts_wrong[1]
        assert not noise.is_exact
    assert many.rejects_right[1] - many.rejects_right[0] < 0.01 < few.rejects_right[1] - few.rejects_right[0]


def test_no_errors_among_few_pairs_do_not_make_it_exact() -> None:
    assert not estimate_noise(50, 0, 50, 0).is_exact


def test_gold_pairs_of_both_kinds_are_needed() -> None:
    with pytest.raises(ValueError, match="0 right and 10 wrong gold pairs"):
        estimate_noise(0, 0, 10, 1)


def test_a_judge_no_better_than_chance_is_refused() -> None:
    with pytest.raises(ValueError, match="use another"):
        estimate_noise(100, 60, 100, 60)
