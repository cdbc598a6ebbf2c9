"""When a breaker opens, whom it lets through, and how it comes back."""

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import endpoints
from tests.gateways import LOCAL
from turnout.models.target import BreakerPolicy
from turnout.router.plan.breaker import CLOSED, HALF_OPEN, OPEN, Breaker
from turnout.router.plan.fleet import EJECT_MAX_S, Candidate

POLICY = BreakerPolicy()
NOW = 1000.0


def attempt(breaker: Breaker, is_ok: bool | None, now: float = NOW) -> None:
    """One attempt that ends at once."""
    breaker.end(breaker.begin(), is_ok, now)


def opened(policy: BreakerPolicy = POLICY, now: float = NOW) -> Breaker:
    """A breaker that opened at `now`."""
    breaker = Breaker(policy)
    for _ in range(policy.min_attempts):
        attempt(breaker, False, now)
    assert breaker.state(now) == OPEN
    return breaker


def close(breaker: Breaker, now: float) -> None:
    """As many good probes as it takes."""
    for _ in range(breaker.policy.probes):
        attempt(breaker, True, now)
    assert breaker.state(now) == CLOSED


@pytest.mark.parametrize(
    ("ok", "failed", "state"),
    [
        (16, 3, CLOSED),
        (15, 4, CLOSED),
        (17, 3, CLOSED),
        (16, 4, OPEN),
        (0, 19, CLOSED),
        (0, 20, OPEN),
        (79, 19, CLOSED),
        (80, 20, OPEN),
    ],
)
def test_it_opens_exactly_at_its_share_of_at_least_so_many_attempts(ok: int, failed: int, state: str) -> None:
    breaker = Breaker(POLICY)
    for _ in range(ok):
        attempt(breaker, True)
    for _ in range(failed):
        attempt(breaker, False)
    assert breaker.state(NOW) == state


def test_attempts_that_say_nothing_are_not_counted() -> None:
    breaker = Breaker(POLICY)
    for _ in range(100):
        attempt(breaker, None)
    for _ in range(19):
        attempt(breaker, False)
    assert breaker.state(NOW) == CLOSED


def test_what_is_older_than_the_window_is_forgotten() -> None:
    breaker = Breaker(POLICY)
    for _ in range(19):
        attempt(breaker, False, NOW)
    attempt(breaker, False, NOW + 10.0)
    assert breaker.state(NOW + 10.0) == CLOSED
    for _ in range(19):
        attempt(breaker, False, NOW + 19.5)
    assert breaker.state(NOW + 19.5) == OPEN


def test_it_lets_nobody_through_while_open_and_only_probes_while_half_open() -> None:
    breaker = opened()
    assert not breaker.admits(NOW + 1.99)
    assert (breaker.state(NOW + 2.0), breaker.admits_at(NOW)) == (HALF_OPEN, NOW + 2.0)
    eras = []
    while breaker.admits(NOW + 2.0):
        eras.append(breaker.begin())
    assert len(eras) == POLICY.probes
    assert breaker.admits_at(NOW + 2.0) > NOW + 2.5, "nobody is told to come back in a moment"
    breaker.end(eras.pop(), None, NOW + 2.1)
    assert breaker.admits(NOW + 2.1), "a probe whose client left makes room for another"


def test_as_many_good_probes_as_there_may_be_at_once_close_it() -> None:
    breaker = opened()
    attempt(breaker, True, NOW + 2)
    attempt(breaker, True, NOW + 2)
    assert breaker.state(NOW + 2) == HALF_OPEN
    attempt(breaker, True, NOW + 2)
    assert breaker.state(NOW + 2) == CLOSED
    for _ in range(19):
        attempt(breaker, False, NOW + 2)
    assert breaker.state(NOW + 2) == CLOSED, "it begins with an empty window"


def test_each_failed_probe_doubles_the_time_up_to_a_limit_and_success_begins_anew() -> None:
    breaker, now, times = opened(), NOW, []
    for _ in range(5):
        now = breaker.admits_at(now)
        attempt(breaker, False, now)
        times.append(breaker.admits_at(now) - now)
    assert times == [4.0, 8.0, 10.0, 10.0, 10.0]
    now += 10
    close(breaker, now)
    for _ in range(20):
        attempt(breaker, False, now)
    assert breaker.admits_at(now) == now + 2.0
    assert breaker.opened == 7


def test_attempts_from_before_it_opened_say_nothing_about_whether_it_may_close() -> None:
    breaker = Breaker(POLICY)
    late = [breaker.begin() for _ in range(10)]
    for _ in range(20):
        attempt(breaker, False)
    for era in late[:5]:
        breaker.end(era, True, NOW + 2.5)
    assert breaker.state(NOW + 2.5) == HALF_OPEN
    close(breaker, NOW + 3)
    for era in late[5:]:
        breaker.end(era, False, NOW + 3)
    for _ in range(15):
        attempt(breaker, False, NOW + 3)
    assert breaker.state(NOW + 3) == CLOSED


def test_of_two_probes_that_fail_together_only_the_first_counts() -> None:
    breaker = opened()
    first, second = breaker.begin(), breaker.begin()
    breaker.end(first, False, NOW + 2)
    breaker.end(second, False, NOW + 2)
    assert (breaker.opened, breaker.admits_at(NOW + 2)) == (2, NOW + 6.0)


def test_it_comes_back_slowly() -> None:
    breaker = opened()
    close(breaker, NOW + 2)
    shares = [breaker.share(NOW + 2 + seconds) for seconds in (0, 0.1, 1, 2.5, 4, 5, 50)]
    assert shares == pytest.approx([0.1, 0.1, 0.2, 0.5, 0.8, 1.0, 1.0])
    assert Breaker(replace(POLICY, slow_start_s=0.0)).share(0.0) == 1.0


class Oracle:
    """The same rules by keeping every attempt: what the breaker counts in buckets."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self.seen: list[tuple[int, bool]] = []
        self.is_closed, self.era, self.opened = True, 0, 0
        self.open_until, self.open_s = 0.0, policy.open_s
        self.probing: set[int] = set()
        self.good = 0

    def end(self, key: int, era: int, is_ok: bool | None, now: float) -> None:
        if era != self.era:
            return
        bucket = int(now * 10 / self.policy.window_s)
        if not self.is_closed:
            self.probing.discard(key)
            self.good += is_ok is True
            if is_ok is False:
                self.open_s = min(2 * self.open_s, self.policy.open_max_s)
                self.open(now)
            elif self.good >= self.policy.probes:
                self.is_closed, self.era, self.open_s, self.seen = True, self.era + 1, self.policy.open_s, []
        elif is_ok is not None:
            self.seen.append((bucket, is_ok))
            recent = [ok for at, ok in self.seen if at > bucket - 10]
            bad = recent.count(False)
            if not is_ok and len(recent) >= self.policy.min_attempts and bad >= self.policy.failure_share * len(recent):
                self.open(now)

    def open(self, now: float) -> None:
        self.is_closed, self.open_until = False, now + self.open_s
        self.era, self.opened, self.good = self.era + 1, self.opened + 1, 0
        self.probing.clear()


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**6),
    share=st.sampled_from([0.1, 0.2, 0.5, 1.0]),
    least=st.integers(1, 8),
    bad=st.floats(0.0, 1.0),
)
def test_random_walks_agree_with_keeping_every_attempt(seed: int, share: float, least: int, bad: float) -> None:
    chance = random.Random(seed)
    policy = BreakerPolicy(failure_share=share, min_attempts=least, probes=chance.randint(1, 3))
    breaker, oracle, now = Breaker(policy), Oracle(policy), NOW
    running: list[tuple[int, int]] = []
    for key in range(300):
        now += chance.choice((0.0, 0.0, 0.05, 0.4, 3.0))
        may = oracle.is_closed or (now >= oracle.open_until and len(oracle.probing) < policy.probes)
        assert breaker.admits(now) is may
        if may:
            running.append((key, breaker.begin()))
            if not oracle.is_closed:
                oracle.probing.add(key)
        while running and chance.random() < 0.5:
            ended, era = running.pop(chance.randrange(len(running)))
            is_ok = chance.choices((False, True, None), (bad, 1.0 - bad, 0.1))[0]
            breaker.end(era, is_ok, now)
            oracle.end(ended, era, is_ok, now)
        expected = CLOSED if oracle.is_closed else OPEN if now < oracle.open_until else HALF_OPEN
        assert (breaker.state(now), breaker.opened) == (expected, oracle.opened)
        assert 0.0 < breaker.share(now) <= 1.0
        assert breaker.admits_at(now) >= now


def test_an_endpoint_that_fails_for_days_is_still_left_alone_for_a_while_only() -> None:
    candidate = Candidate(LOCAL, endpoints("a")[0])
    for _ in range(3000):
        candidate.fail(NOW)
        candidate.refuse_connection(NOW)
    assert candidate.ejected_until == NOW + EJECT_MAX_S
