"""Where a request goes next, whatever happens to it: every path, and what holds on all of them."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeClock
from tests.fakes_servers import Cluster
from tests.gateways import CHAT, LOCAL
from turnout.models.access import Principal
from turnout.models.cause import Cause
from turnout.models.errors import NoTarget
from turnout.models.openai.request import Operation, parse_request
from turnout.models.target import BreakerPolicy, Endpoint, Target
from turnout.router.call import Arrival, Call
from turnout.router.catalogue import Fallbacks, ModelRoute, Retries
from turnout.router.execute.course import Course, Pause, Place
from turnout.router.execute.retry_budget import RetryBudget
from turnout.router.execute.rules import RULES
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.router.plan.strategies.named import Strategies
from turnout.router.values import Constraints, Features

A, B, C = (Target(name, f"up-{name}", "openai_compatible") for name in "abc")
ENOUGH = Retries(budget_floor=100)
BROKE = Retries(budget_share=0.0, budget_floor=0)


class Trip:
    """One request's course over a small cluster, with a clock that jumps over pauses."""

    def __init__(
        self,
        *routes: ModelRoute,
        keys: dict[str, int] | None = None,
        body: bytes = CHAT,
        is_local_only: bool = False,
        total_s: float = 600.0,
        seed: int = 1,
    ) -> None:
        catalogue = Cluster(routes, keys or {}).to_catalogue()
        self.clock, self.fleet = FakeClock(), Fleet()
        self.fleet.set_catalogue(catalogue)
        self.fleet.set_pool("pool", (Endpoint("x", "10.0.0.1", 1), Endpoint("y", "10.0.0.2", 1)))
        chance = random.Random(seed)
        now = self.clock.now()
        call = Call(
            Arrival("req-1", b"req-1", now, 0),
            Principal("t", "k"),
            parse_request(Operation.CHAT, body),
            Constraints(is_local_only, now + total_s),
            Features(10, None),
            catalogue.models["m"],
        )
        self.course = Course(call, self.fleet, Strategies(chance), RetryBudget(), chance.random)
        self.pauses: list[float] = []

    def go(self) -> Candidate:
        """The next place, after its pauses; an attempt begins there."""
        step = self.course.next(self.clock.now())
        while isinstance(step, Pause):
            self.pauses.append(step.seconds)
            self.clock.advance(step.seconds)
            step = self.course.next(self.clock.now())
        assert isinstance(step, Place)
        self.last = step
        self.course.begin_attempt()
        return step.plan.candidate

    def fail(self, cause: Cause, rest_s: float | None = None) -> str:
        """The next attempt fails so; which endpoint it was at."""
        candidate = self.go()
        if rest_s is not None:
            candidate.rest(self.clock.now() + rest_s)
        if cause is Cause.CREDENTIALS:
            candidate.take_out(self.clock.now())
        self.course.note(candidate, cause)
        return candidate.endpoint.id

    def is_over(self) -> bool:
        """Whether nothing is left to try."""
        try:
            self.go()
        except NoTarget:
            return True
        return False


def route(*targets: Target, name: str = "m", retries: Retries = ENOUGH, **lists: tuple[str, ...]) -> ModelRoute:
    return ModelRoute(name, targets, retries=retries, fallbacks=Fallbacks(**lists))


def test_another_place_comes_before_the_same_and_the_same_before_another_model_and_that_before_a_last_resort() -> None:
    trip = Trip(
        route(A, B, any_error=("n",), retries=replace(ENOUGH, max_attempts=9, same_target=1)), route(C, name="n")
    )
    for candidate in trip.fleet.candidates("m"):
        assert candidate.endpoint.id in ("a", "b")
    first, second = trip.fail(Cause.SERVER_ERROR), trip.fail(Cause.SERVER_ERROR)
    assert {first, second} == {"a", "b"}
    assert trip.pauses == []
    third = trip.fail(Cause.SERVER_ERROR)
    assert (third in ("a", "b"), len(trip.pauses)) == (True, 1)
    assert {third, trip.fail(Cause.SERVER_ERROR)} == {"a", "b"}
    assert trip.fail(Cause.SERVER_ERROR) == "c"
    assert trip.last.plan.reason == "fallback_server_error"
    assert trip.last.fallbacks == 1


def test_an_ejected_place_is_a_last_resort() -> None:
    trip = Trip(route(A, B, retries=replace(ENOUGH, same_target=0)))
    ejected = trip.fleet.candidates("m")[1]
    ejected.refuse_connection(trip.clock.now())
    assert [trip.fail(Cause.SERVER_ERROR), trip.fail(Cause.SERVER_ERROR)] == ["a", "b"]
    assert trip.is_over()


@pytest.mark.parametrize(("rest_s", "asked", "pauses"), [(3.0, ["a", "a"], [3.0]), (11.0, ["a", "c"], [])])
def test_a_rate_limit_is_waited_for_if_it_is_short_and_fled_from_if_it_is_long(
    rest_s: float, asked: list[str], pauses: list[float]
) -> None:
    trip = Trip(route(A, any_error=("n",)), route(C, name="n"))
    assert [trip.fail(Cause.RATE_LIMITED, rest_s), trip.fail(Cause.SERVER_ERROR)] == asked
    assert trip.pauses == pytest.approx(pauses)


def test_a_cheaper_model_is_asked_before_a_rate_limit_is_waited_for() -> None:
    trip = Trip(route(A, rate_limit=("n",)), route(C, name="n"))
    assert [trip.fail(Cause.RATE_LIMITED, 1.0), trip.fail(Cause.SERVER_ERROR)] == ["a", "c"]
    assert trip.pauses == []


def test_a_rate_limit_is_waited_for_though_everything_else_is_broken() -> None:
    brittle = replace(B, breaker=BreakerPolicy(min_attempts=1))
    trip = Trip(route(A, brittle))
    broken = trip.fleet.candidates("m")[1].breaker
    assert broken is not None
    broken.end(broken.begin(), False, trip.clock.now() + 600)
    assert [trip.fail(Cause.RATE_LIMITED, 2.0), trip.fail(Cause.RATE_LIMITED, 2.0)] == ["a", "a"]
    assert trip.pauses == pytest.approx([2.0])


def test_a_first_attempt_waits_for_a_place_that_only_rests() -> None:
    trip = Trip(route(A))
    trip.fleet.candidates("m")[0].rest(trip.clock.now() + 2)
    assert trip.fail(Cause.SERVER_ERROR) == "a"
    assert trip.pauses == pytest.approx([2.0])


def test_several_keys_rotate_and_a_dead_one_is_out_for_everybody() -> None:
    trip = Trip(route(A), keys={"a": 3})
    asked = [trip.fail(Cause.RATE_LIMITED, 5.0), trip.fail(Cause.CREDENTIALS)]
    asked.append(trip.go().endpoint.id)
    assert sorted(asked) == ["a1", "a2", "a3"]
    assert trip.pauses == []


def test_dead_keys_are_not_asked_again_and_another_model_is() -> None:
    trip = Trip(route(A, any_error=("n",)), route(C, name="n"), keys={"a": 2})
    assert {trip.fail(Cause.CREDENTIALS), trip.fail(Cause.CREDENTIALS)} == {"a1", "a2"}
    assert trip.go().endpoint.id == "c"


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.STALLED_STREAM])
def test_a_silent_place_is_never_asked_again_though_others_repeat(cause: Cause) -> None:
    for seed in range(20):
        trip = Trip(route(A, B, retries=replace(ENOUGH, max_attempts=9)), seed=seed)
        asked = [trip.fail(cause)]
        while not trip.is_over():
            asked.append(trip.last.plan.candidate.endpoint.id)
            trip.course.note(trip.last.plan.candidate, Cause.SERVER_ERROR)
        assert asked.count(asked[0]) == 1
        assert len(asked) > 2


@pytest.mark.parametrize(
    ("cause", "lists", "asked"),
    [
        (Cause.CONTEXT_WINDOW, {"any_error": ("n",)}, ["c"]),
        (Cause.CONTEXT_WINDOW, {"any_error": ("o",), "context_window": ("n",)}, ["c"]),
        (Cause.CONTENT_POLICY, {"any_error": ("n",)}, []),
        (Cause.CONTENT_POLICY, {"content_policy": ("n",)}, ["c"]),
        (Cause.BAD_REQUEST, {"any_error": ("n",), "content_policy": ("n",), "context_window": ("n",)}, []),
        (Cause.DEADLINE, {"any_error": ("n",)}, []),
    ],
)
def test_a_request_that_is_refused_for_what_it_is_goes_only_where_that_cause_leads(
    cause: Cause, lists: dict[str, tuple[str, ...]], asked: list[str]
) -> None:
    trip = Trip(route(A, B, **lists), route(C, name="n"))
    trip.fail(cause)
    assert ([] if trip.is_over() else [trip.last.plan.candidate.endpoint.id]) == asked


def test_the_callers_fallbacks_replace_the_configs_and_an_empty_list_forbids_them() -> None:
    own = CHAT.replace(b"{", b'{"fallbacks":["n"],', 1)
    retries = replace(ENOUGH, same_target=0)
    routes = (route(A, any_error=("o",), retries=retries), route(B, name="n"), route(C, name="o"))
    trip = Trip(*routes, body=own)
    assert [trip.fail(Cause.SERVER_ERROR), trip.fail(Cause.SERVER_ERROR)] == ["a", "b"]
    assert trip.is_over()
    trip = Trip(*routes, body=CHAT.replace(b"{", b'{"fallbacks":[],', 1))
    trip.fail(Cause.SERVER_ERROR)
    assert trip.is_over()


def test_without_a_place_of_its_own_a_model_begins_with_its_fallback() -> None:
    trip = Trip(route(A, any_error=("n",)), route(C, name="n"))
    trip.fleet.candidates("m")[0].take_out(trip.clock.now())
    assert trip.fail(Cause.SERVER_ERROR) == "c"
    assert trip.last.plan.reason == "fallback_unavailable"


def test_nothing_is_tried_once_the_deadline_has_passed() -> None:
    trip = Trip(route(A, B, any_error=("n",)), route(C, name="n"), total_s=10.0)
    trip.fail(Cause.SERVER_ERROR)
    trip.clock.advance(10.0)
    assert trip.is_over()


def test_no_pause_goes_beyond_the_deadline() -> None:
    trip = Trip(route(A), total_s=2.0)
    trip.fail(Cause.RATE_LIMITED, 2.5)
    assert trip.is_over()


def test_an_empty_budget_ends_repeats_and_not_the_first_moves() -> None:
    trip = Trip(route(A, B, any_error=("n", "o"), retries=BROKE), route(C, name="n"), route(LOCAL, name="o"))
    assert {trip.fail(Cause.SERVER_ERROR), trip.fail(Cause.SERVER_ERROR)} == {"a", "b"}
    assert trip.fail(Cause.SERVER_ERROR) == "c"
    assert trip.is_over()
    trip = Trip(route(A, retries=BROKE))
    trip.fail(Cause.SERVER_ERROR)
    assert trip.is_over()


@pytest.mark.parametrize("is_limited", [False, True])
def test_a_first_move_is_free_only_where_things_go_well(is_limited: bool) -> None:
    trip = Trip(
        route(A, any_error=("n",), retries=BROKE), route(replace(C, breaker=BreakerPolicy(min_attempts=1)), name="n")
    )
    (other,) = trip.fleet.candidates("n")
    assert other.breaker is not None
    if is_limited:
        other.rest(trip.clock.now())
    else:
        other.breaker.end(other.breaker.begin(), False, trip.clock.now())
        trip.clock.advance(2.0)
        assert other.breaker.state(trip.clock.now()) == "half_open"
    trip.fail(Cause.SERVER_ERROR)
    assert trip.is_over()


def test_a_fallback_that_can_not_be_paid_is_passed_over_for_one_that_is_free() -> None:
    trip = Trip(route(A, any_error=("n", "o"), retries=BROKE), route(B, name="n"), route(C, name="o"))
    trip.fleet.candidates("n")[0].rest(trip.clock.now())
    trip.fail(Cause.SERVER_ERROR)
    assert trip.go().endpoint.id == "c"


def test_what_was_never_sent_moves_on_for_nothing() -> None:
    trip = Trip(route(A, B, C, retries=BROKE))
    assert {trip.fail(Cause.NEVER_SENT) for _ in range(3)} == {"a", "b", "c"}


def test_the_last_of_many_attempts_is_kept_for_another_model() -> None:
    trip = Trip(route(A, any_error=("n",)), route(C, name="n"), keys={"a": 4})
    asked = [trip.fail(Cause.SERVER_ERROR) for _ in range(5)]
    assert asked[-1] == "c"
    assert trip.is_over()


CAUSES = st.lists(st.sampled_from(list(Cause)), min_size=40, max_size=40)


@settings(deadline=None)
@given(
    causes=CAUSES, seed=st.integers(0, 999), most=st.integers(1, 8), is_local_only=st.booleans(), keys=st.integers(1, 4)
)
def test_on_every_path(causes: list[Cause], seed: int, most: int, is_local_only: bool, keys: int) -> None:
    retries = Retries(max_attempts=most, budget_floor=seed % 5, same_target=seed % 4)
    lists = dict.fromkeys(("any_error", "context_window", "content_policy", "rate_limit"), ("n", "o"))
    trip = Trip(
        route(LOCAL, A, retries=retries, **lists if seed % 3 else {}),
        route(B, replace(LOCAL, name="more"), name="n"),
        route(C, name="o"),
        keys={"a": keys},
        is_local_only=is_local_only,
        total_s=30.0,
        seed=seed,
    )
    chance, silent, asked = random.Random(seed), set[Candidate](), list[Candidate]()
    for cause in causes:
        assert trip.course.attempts <= most
        try:
            candidate = trip.go()
        except NoTarget:
            break
        assert candidate.target.is_local or not is_local_only, "it never leaves"
        assert candidate not in silent, "nobody waits twice for the same silence"
        assert trip.clock.now() < 1030.0
        assert candidate.may_begin(trip.clock.now(), even_ejected=True)
        asked.append(candidate)
        if cause is Cause.RATE_LIMITED:
            candidate.rest(trip.clock.now() + chance.expovariate(0.5))
        elif cause is Cause.CREDENTIALS:
            candidate.take_out(trip.clock.now())
        elif cause is Cause.NEVER_SENT:
            candidate.refuse_connection(trip.clock.now())
        elif RULES[cause].is_silent:
            silent.add(candidate)
        trip.course.note(candidate, cause)
        if cause in (Cause.BAD_REQUEST, Cause.DEADLINE):
            assert trip.is_over()
            break
    else:
        pytest.fail("it goes on for ever")
    assert len(asked) <= most
    assert len(trip.pauses) <= 3 * (retries.same_target + 1)
    assert all(pause <= retries.max_wait_s for pause in trip.pauses)
