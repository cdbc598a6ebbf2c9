"""A ledger keeps its id for its life, in each kind of store, and tells it to whoever doesn't have it."""

from itertools import count

from tests.stores import Place
from turnout.serve.control.ledger_id import LedgerId
from turnout.serve.control.report import RouterReport, WatchAnswer

NO_NEWS = WatchAnswer(None, None, False)


def report(have_ledger: str) -> RouterReport:
    return RouterReport("r", "n", -1, "", None, "", 0, (), have_ledger=have_ledger)


async def test_the_id_is_made_once_and_told_to_those_who_do_not_have_it(place: Place) -> None:
    numbers = count(1)
    for _ in range(2):
        store = await place.open()
        id_ = await LedgerId.open(store.committer, lambda: f"id-{next(numbers)}")
        assert id_.add_news(NO_NEWS, report("")).ledger == "id-1"
        assert id_.add_news(NO_NEWS, report("id-2")).ledger == "id-1"
        assert id_.add_news(NO_NEWS, report("id-1")) == NO_NEWS
        await store.close()
