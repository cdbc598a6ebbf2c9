"""Which endpoints are worth a close look."""

from turnout.router.plan.predict.outlook import Outlook
from turnout.router.plan.predict.shortlist import shortlist

COSTS = [float(number) for number in range(20)]


def idle() -> list[Outlook]:
    return [Outlook() for _ in COSTS]


def test_half_are_those_with_most_of_the_prompt_and_the_rest_are_the_cheapest() -> None:
    outlooks = idle()
    for number, blocks in ((19, (1, 2, 3)), (18, (1, 2)), (17, (1,)), (16, (1, 9)), (15, (7,)), (14, (1,))):
        outlooks[number].prefix.note(blocks)
    assert list(shortlist(outlooks, COSTS, (1, 2, 3), 8)) == [0, 1, 2, 3, 14, 16, 18, 19]


def test_one_that_is_both_makes_room_for_another() -> None:
    outlooks = idle()
    outlooks[0].prefix.note((1, 2))
    outlooks[9].prefix.note((1,))
    assert list(shortlist(outlooks, COSTS, (1, 2), 6)) == [0, 1, 2, 3, 4, 9]


def test_a_prompt_that_nobody_has_goes_by_cost_alone() -> None:
    assert list(shortlist(idle(), COSTS[::-1], (5, 6), 8)) == list(range(12, 20))
    assert list(shortlist(idle(), COSTS, (), 8)) == list(range(8))
