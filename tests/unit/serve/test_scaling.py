"""How many replicas a pool should have, as a table."""

from types import SimpleNamespace

import pytest

from turnout.serve.scaling import InFlightPolicy, replicas_for


@pytest.mark.parametrize(
    ("in_flight", "target", "least", "most", "wanted"),
    [
        (0, 8, 1, 4, 1),
        (0, 8, 0, 4, 0),
        (1, 8, 0, 4, 1),
        (8, 8, 1, 4, 1),
        (8.0000001, 8, 1, 4, 1),
        (8.1, 8, 1, 4, 2),
        (16, 8, 1, 4, 2),
        (25, 8, 1, 4, 4),
        (1000, 8, 1, 4, 4),
        (3, 0.5, 1, 10, 6),
        (5, 8, 3, 3, 3),
    ],
)
def test_as_many_as_keep_each_replica_close_to_its_target(in_flight, target, least, most, wanted):
    assert replicas_for(in_flight, target, least, most) == wanted


def context(counts: dict[str, dict[str, float]] | None, target_num_replicas: int = 2) -> SimpleNamespace:
    return SimpleNamespace(
        aggregated_metrics=counts,
        target_num_replicas=target_num_replicas,
        capacity_adjusted_min_replicas=1,
        capacity_adjusted_max_replicas=5,
    )


def test_the_policy_adds_up_what_replicas_report():
    assert InFlightPolicy(10)(context({"in_flight": {"a": 12.0, "b": 9.5}})) == (3, {})


@pytest.mark.parametrize("counts", [None, {}, {"in_flight": {}}, {"other": {"a": 99.0}}])
def test_the_policy_changes_nothing_while_no_replica_has_reported(counts):
    assert InFlightPolicy(10)(context(counts)) == (2, {})
