"""Prices of a table are versions of prices, as those of the file are."""

from tests.stores import Place
from tests.unit.serve.control.prices.test_office import FAR, settings
from turnout.models.catalog.rates import Quotes
from turnout.serve.control.prices.office import keep_prices
from turnout.serve.control.reports.prices import list_versions


async def test_prices_of_a_table_are_kept_when_they_change(place: Place) -> None:
    store = await place.open()
    times = iter((1, 2, 3))
    keep = keep_prices(store.committer, lambda: next(times))
    quotes = Quotes("v", {"listed": {"listed": FAR}, "any": {"x-1": FAR}})
    for each in (Quotes(), quotes, quotes):
        await keep(settings(), each)
    versions = await store.committer.read(list_versions)
    await store.close()
    assert [version.at_ns for version in versions] == [1, 2]
    assert [version.prices["listed"].input_pusd for version in versions] == [None, 1_000]
    assert [version.prices["own"].input_pusd for version in versions] == [9_000, 9_000]
    assert versions[1].prices["any"].input_pusd is None, "one of many models has no one price"
    assert versions[1].prices["any:x-1"].input_pusd == 1_000
