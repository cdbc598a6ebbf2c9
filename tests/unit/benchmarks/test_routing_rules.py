"""The row about rules measures every condition that a rule may have, on a request that it fits."""

from dataclasses import fields
from pathlib import Path

import pytest

from tests.unit.router.choose.test_rules import fits
from turnout.benchmarks.scenarios.routing import choosing
from turnout.benchmarks.scenarios.routing.choosing import measure_rules
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.router.choose.terms import When

SETUP = RoutingSetup(is_quick=True, seed=1, data=Path())


def test_every_kind_of_condition_is_measured() -> None:
    said = {
        name
        for when in choosing._CONDITIONS.values()
        for name in When.__slots__
        if getattr(when, name) != getattr(When(), name)
    }
    assert said == {field.name for field in fields(When)}


def test_the_dearest_counts() -> None:
    found = measure_rules(SETUP)
    (row,) = found.values
    assert row.name == "rule_us"
    assert row.value == pytest.approx(max(found.samples["conditions_us"].values()))
    assert set(found.samples["conditions_us"]) == set(choosing._CONDITIONS)


async def test_a_condition_that_the_request_does_not_fit_is_no_measurement() -> None:
    assert not await fits(When(is_stream=False), choosing._ask())
    with pytest.raises(RuntimeError, match="doesn't fit"):
        await choosing._time(When(is_stream=False), choosing._ask(), 1)
