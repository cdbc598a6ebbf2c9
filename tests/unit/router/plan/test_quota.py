"""What a provider's headers make of an endpoint."""

import pytest

from tests.fakes import endpoints
from turnout.models.openai.rate_limits import Allowance, Allowances
from turnout.models.target import Target
from turnout.router.plan.fleet import Candidate
from turnout.router.plan.quota import LONGEST_S

TARGET = Target("t", "m", "openai_compatible")


def requests(left: float, most: float | None = 60, full_in_s: float | None = None) -> Allowances:
    return Allowances(Allowance(left, most, full_in_s), None)


def candidate() -> Candidate:
    return Candidate(TARGET, endpoints("a")[0])


def test_an_endpoint_with_nothing_left_rests_until_one_more_request_passes() -> None:
    a = candidate()
    a.heed(requests(0, 60, 60.0), 100.0, 100.0, 0)
    assert a.may_begin_at(100.0) == pytest.approx(101.0), "60 come back in 60 s"
    assert not a.may_begin(100.9)
    assert a.may_begin(101.1)
    assert not a.is_limited, "nothing was refused"


def test_what_has_begun_since_counts_before_its_answer_tells() -> None:
    a = candidate()
    a.heed(requests(2, 60, 58.0), 100.0, 100.0, 0)
    for _ in range(2):
        assert a.may_begin(100.0)
        a.begin(100.0)
    assert not a.may_begin(100.0)
    assert a.may_begin(101.1)


def test_an_older_answer_does_not_give_back_what_others_have_taken() -> None:
    a = candidate()
    a.heed(requests(1, 60, 59.0), 100.0, 100.0, 0)
    with a, a:
        a.begin(100.0)
        a.heed(requests(5, 60, 55.0), 99.0, 100.2, 0)
        assert not a.may_begin(100.2)
    with a:
        a.heed(requests(5, 60, 55.0), 101.0, 101.5, 0)
    assert a.may_begin(101.5)


def test_without_a_limit_it_rests_until_the_time_told() -> None:
    a = candidate()
    a.heed(requests(0, None, 7.0), 100.0, 101.0, 0)
    assert a.may_begin_at(101.0) == pytest.approx(107.0)
    a.begin(107.5)
    assert a.may_begin(107.5), "from then on nothing is known"


def test_too_few_tokens_for_a_usual_request_are_none() -> None:
    a = candidate()
    a.heed(Allowances(None, Allowance(50, 1000, 10.0)), 100.0, 100.0, 240)
    assert a.may_begin_at(100.0) == pytest.approx(102.0), "240 are needed, and 95 come back a second"


def test_a_misread_header_costs_a_minute_and_not_the_endpoint() -> None:
    a = candidate()
    a.heed(requests(0, 1, 86400.0), 100.0, 100.0, 0)
    assert a.may_begin_at(100.0) == 100.0 + LONGEST_S


def test_zero_left_without_a_time_says_nothing_of_when() -> None:
    a = candidate()
    a.heed(requests(0, 60, None), 100.0, 100.0, 0)
    assert a.may_begin(100.0)
