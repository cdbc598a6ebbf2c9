"""Which endpoints are worth a prediction."""

from turnout.router.plan.predict.outlook import Outlook
from turnout.router.plan.predict.shortlist import MOST, shortlist


def busy(count: int) -> list[Outlook]:
    """Endpoints of which each has more to do than the one before."""
    outlooks = [Outlook() for _ in range(count)]
    for number, outlook in enumerate(outlooks):
        for _ in range(number):
            outlook.begin(1000, (), 0.0)
    return outlooks


def test_few_are_all_looked_at() -> None:
    assert list(shortlist(busy(MOST), (1, 2))) == list(range(MOST))


def test_of_many_those_with_least_to_do_are_and_those_with_most_of_the_prompt() -> None:
    outlooks = busy(20)
    for number, blocks in ((19, (1, 2, 3)), (18, (1, 2)), (17, (1,)), (16, (1, 9)), (15, (7,)), (14, (1,))):
        outlooks[number].prefix.note(blocks)
    assert list(shortlist(outlooks, (1, 2, 3))) == [0, 1, 2, 3, 14, 16, 18, 19]


def test_a_prompt_that_nobody_has_goes_by_load_alone() -> None:
    assert list(shortlist(busy(20), (5, 6))) == list(range(MOST))
    assert list(shortlist(busy(20), ())) == list(range(MOST))
