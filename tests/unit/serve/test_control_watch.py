"""What a router reports of its targets."""

import msgspec
import pytest

from tests.fakes import endpoints
from turnout.models.target import BreakerPolicy, Target
from turnout.router.plan.breaker import Breaker
from turnout.router.plan.fleet import Candidate
from turnout.serve.control.report import TargetReport
from turnout.serve.control_watch import describe_target

NOW = 1000.0
TARGET = Target("t", "m", "openai_compatible")
BRITTLE = BreakerPolicy(min_attempts=1, open_s=2.0)


def candidates(*names: str, breaker: Breaker | None = None) -> list[Candidate]:
    return [Candidate(TARGET, endpoint, breaker) for endpoint in endpoints(*names)]


def describe(found: list[Candidate], now: float = NOW, *, is_drained: bool = False) -> TargetReport:
    return describe_target("t", found, now, waiting=3, is_drained=is_drained)


def test_a_target_that_works_is_ready() -> None:
    first, second = found = candidates("a", "b", breaker=Breaker(BRITTLE))
    with first, first, second:
        assert describe(found) == TargetReport("t", "ready", 2, 3, 3, "closed", 0)


def test_no_endpoints_is_empty_and_a_drain_is_told_first() -> None:
    assert describe([]) == TargetReport("t", "empty", 0, 0, 3, "", 0)
    assert describe([], is_drained=True).state == "drained"


def test_a_breaker_is_shown_from_opening_to_probing() -> None:
    breaker = Breaker(BRITTLE)
    breaker.end(breaker.begin(), False, NOW)
    found = candidates("a", breaker=breaker)
    told = [describe(found, now) for now in (NOW, NOW + 2)]
    assert [(each.state, each.breaker) for each in told] == [("open", "open"), ("half_open", "half_open")]


@pytest.mark.parametrize(("resting", "state"), [(1, "ready"), (2, "resting")])
def test_a_target_rests_when_every_key_does(resting: int, state: str) -> None:
    found = candidates("far:443#1", "far:443#2")
    for candidate in found[:resting]:
        candidate.rest(NOW + 5)
    told = describe(found)
    assert (told.state, told.resting, told.breaker) == (state, resting, "")


def test_endpoints_that_all_fail_are_ejected_and_a_refused_key_among_them_is_rest() -> None:
    first, second = found = candidates("a", "b")
    for candidate in found:
        candidate.refuse_connection(NOW)
    assert describe(found).state == "ejected"
    first.take_out(NOW)
    assert describe(found).state == "resting"
    second.succeed()
    assert describe(found).state == "ready"


def test_a_report_of_an_older_router_can_still_be_read() -> None:
    old = msgspec.msgpack.encode(["t", "ready", 1, 0, 0])
    assert msgspec.msgpack.decode(old, type=TargetReport) == TargetReport("t", "ready", 1, 0, 0, "", 0)
