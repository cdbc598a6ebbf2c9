"""Old rows stay explainable."""

import sqlite3

import pytest

from tests.unit.serve.control.reports.spending import accepted
from turnout.serve.control.reports.prices import PriceVersion, TargetPrice, find_version, list_versions, record_prices
from turnout.serve.control.schema.proof import PROOF
from turnout.serve.control.store import Accepted

S = 1_000_000_000
OLD = PriceVersion(1, "old", 100 * S, {"far": TargetPrice("openai", "", 1000, 1000)})
NEW = PriceVersion(2, "new", 200 * S, {"far": TargetPrice("openai", "", 2000, 2000)})


@pytest.fixture
def db() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.executescript(PROOF)
    return connection


def test_a_version_is_kept_only_when_prices_change(db: sqlite3.Connection) -> None:
    for at, price in ((1, "0.000001"), (2, "0.000001"), (3, "0.000002"), (4, "0.000001")):
        record_prices(db, accepted(at_ns=at, price=price))
    versions = list_versions(db)
    assert [version.at_ns for version in versions] == [1, 3, 4]
    assert versions[0].hash == versions[2].hash != versions[1].hash
    assert versions[1].prices["far"] == TargetPrice("openai", "", 2_000_000, 2_000_000)


def test_gpu_hours_belong_to_a_version(db: sqlite3.Connection) -> None:
    record_prices(db, accepted(gpu_hour_usd=2.5, gpus=4))
    assert list_versions(db)[0].prices["here"] == TargetPrice("", "p", None, None, 2_500_000_000, 4)


def test_what_is_not_settings_has_no_prices(db: sqlite3.Connection) -> None:
    record_prices(db, Accepted("f", 1, b"{}"))
    assert list_versions(db) == []


@pytest.mark.parametrize(
    ("at_s", "cost_nusd", "name"),
    [
        (50, 10, None),
        (150, 10, "old"),
        (198, 10, "old"),
        (198, 20, "new"),
        (190, 20, "old"),
        (250, 20, "new"),
        (250, 10, "new"),
        (150, None, "old"),
    ],
)
def test_the_version_is_that_of_the_time_unless_the_next_one_explains_the_cost(
    at_s: int, cost_nusd: int | None, name: str | None
) -> None:
    found = find_version([OLD, NEW], "far", at_s * S, (6, 4), cost_nusd)
    assert (found.hash if found else None) == name


def test_a_price_of_cached_tokens_explains_what_a_row_cost() -> None:
    cached = PriceVersion(3, "cached", 300 * S, {"far": TargetPrice("openai", "", 2000, 2000, cache_read_pusd=500)})
    assert cached.prices["far"].cost_nusd(6, 4, 2) == 17
    found = find_version([OLD, NEW, cached], "far", 298 * S, (6, 4, 2), 17)
    assert found is cached
