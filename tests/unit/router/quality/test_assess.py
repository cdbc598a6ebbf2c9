"""The judge of predictions gives known answers for known cases."""

import numpy as np
import pytest

from turnout.router.quality.assess import (
    find_cost_of_quality,
    measure_apgr,
    measure_calibration_error,
    split,
    trace_curve,
)


def test_a_perfect_order_recovers_more_than_a_random_one_and_a_wrong_one_less() -> None:
    weak = np.array([0.0, 0.0, 1.0, 1.0])
    strong = np.ones(4)
    assert measure_apgr(strong - weak, weak, strong) == pytest.approx(0.75)
    assert measure_apgr(weak - strong, weak, strong) == pytest.approx(0.25)
    assert measure_apgr(np.zeros(4), weak, strong) == pytest.approx(0.5)


def test_equal_gains_share_whatever_their_order_in_the_file() -> None:
    weak = np.array([0.0, 1.0, 0.0, 1.0])
    assert measure_apgr(np.zeros(4), weak, np.ones(4)) == pytest.approx(
        measure_apgr(np.zeros(4), weak[::-1], np.ones(4))
    )


def test_calibration_error_is_the_distance_of_said_and_true_and_ignores_what_has_no_label() -> None:
    chances = np.array([[0.8, 0.8, 0.8, 0.8, 0.1]])
    scores = np.array([[1.0, 1.0, 1.0, 1.0, 0.0]])
    weights = np.array([[1.0, 1.0, 1.0, 1.0, 0.0]])
    assert measure_calibration_error(chances, scores, weights) == pytest.approx(0.2)


def test_folds_hold_every_row_once() -> None:
    held = np.concatenate(list(split(23, 5, np.random.default_rng(0))))
    assert sorted(held.tolist()) == list(range(23))


def test_the_curve_goes_from_the_cheapest_to_the_best() -> None:
    qualities = np.array([[0.2, 0.9], [0.8, 0.9]])
    costs = np.array([[1.0, 10.0], [1.0, 10.0]])
    curve = trace_curve(qualities, qualities, costs)
    assert (curve[0].cost, curve[0].quality) == (1.0, 0.5)
    assert (curve[-1].cost, curve[-1].quality) == (10.0, 0.9)
    assert find_cost_of_quality(curve, 0.85) == pytest.approx(5.5)
    assert find_cost_of_quality(curve, 0.95) is None
