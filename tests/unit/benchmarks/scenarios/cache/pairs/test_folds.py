"""A threshold never comes from the pairs that it's tried on, and allows no more wrong ones than stated."""

import pytest

from turnout.benchmarks.scenarios.cache.pairs.folds import (
    FOLDS,
    Judged,
    choose_threshold,
    draw_curve,
    find_rate,
    split_topics,
)


def test_pairs_that_share_a_question_share_a_fold_however_indirectly() -> None:
    pairs = [("a", "b"), ("c", "d"), ("b", "e"), ("e", "c")]
    assert len(set(split_topics(pairs))) == 1
    assert len(set(split_topics([(str(n), f"{n}?") for n in range(100)]))) == FOLDS


@pytest.mark.parametrize(("others", "served"), [(50, 0), (146, 0), (250, 1), (1000, 9)])
def test_one_in_a_hundred_is_served_at_most_with_the_next_one_counted(others: int, served: int) -> None:
    risks = [number / others for number in range(others)]
    threshold = choose_threshold(risks)
    assert sum(risk < threshold for risk in risks) == served
    assert (served + 1) / (others + 1) <= 0.01 or served == 0


def test_a_trap_that_no_other_fold_has_seen_is_counted_as_served() -> None:
    judged = [Judged(0.5, False, fold) for fold in range(1, FOLDS)]
    judged += [Judged(0.1, False, 0), Judged(0.2, True, 0), Judged(0.2, True, 1)]
    found = find_rate(judged)
    assert (found.wrong, found.others) == (1, FOLDS)
    assert found.share == 0.5  # in fold 1 the trap of fold 0 is known


def test_a_curve_counts_others_first_where_risks_are_equal() -> None:
    points = draw_curve([Judged(0.3, True, 0), Judged(0.3, False, 0)])
    assert points == [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]
