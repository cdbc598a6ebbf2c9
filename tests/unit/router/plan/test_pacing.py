"""Who is held back, and who goes next."""

import pytest

from turnout.router.plan.pacing import Held, Pacing, Terms
from turnout.router.plan.predict.outlook import Outlook

TERMS = Terms()


def known(rate: float = 10_000.0) -> Outlook:
    """An endpoint that prefills so many tokens a second, as its answers have taught."""
    outlook = Outlook()
    for tokens in (1000, 2000, 5000, 10_000, 20_000):
        outlook.pace.note_first(tokens, tokens / rate, 0.0)
    return outlook


def held(outlooks: list[Outlook], tokens: int, since: float = 100.0, priority: int = 0) -> Held:
    return Held(outlooks, tokens, (), since, priority)


def fill(outlook: Outlook, tokens: int, now: float = 100.0) -> None:
    outlook.begin(tokens, (), now)


def test_an_idle_endpoint_takes_what_comes() -> None:
    pacing, idle = Pacing(TERMS), [known()]
    pacing.add(held(idle, 5000))
    granted = pacing.next(100.0)
    assert granted is not None
    assert granted.at == 0
    assert len(pacing) == 0


def test_a_second_long_prompt_waits_for_the_first_and_for_the_gap_after_it() -> None:
    pacing, one = Pacing(TERMS), [known()]
    stay = one[0].begin(10_000, (), 100.0)
    pacing.add(held(one, 8000))
    assert pacing.next(100.0) is None
    one[0].first(stay, 101.0)
    assert pacing.next(101.0) is None
    assert pacing.wake_at == pytest.approx(101.1)
    assert pacing.next(101.101) is not None


def test_small_prompts_begin_together() -> None:
    pacing, one = Pacing(TERMS), [known()]
    fill(one[0], 300)
    pacing.add(held(one, 400))
    assert pacing.next(100.0) is not None


def test_a_small_prompt_loses_patience() -> None:
    pacing, one = Pacing(TERMS), [known()]
    fill(one[0], 50_000)
    pacing.add(held(one, 3000))
    assert pacing.next(100.0) is None
    assert pacing.wake_at == pytest.approx(100.0 + TERMS.patience_s)
    assert pacing.next(100.0 + TERMS.patience_s) is not None


def test_the_quickest_of_those_that_can_be_in_time_goes_first_and_late_ones_after_them() -> None:
    pacing, one = Pacing(TERMS), [known()]
    hopeless, slow, quick = held(one, 60_000), held(one, 15_000), held(one, 6000)
    for each in (hopeless, slow, quick):
        pacing.add(each)
    order = []
    for now in (100.0, 100.7):
        granted = pacing.next(now)
        assert granted is not None
        order.append(granted)
    assert order == [quick, slow]


def test_priority_comes_before_everything() -> None:
    pacing, one = Pacing(TERMS), [known()]
    pacing.add(held(one, 6000))
    urgent = held(one, 60_000, priority=-1)
    pacing.add(urgent)
    assert pacing.next(100.0) is urgent


def test_among_late_ones_waiting_long_counts() -> None:
    pacing, one = Pacing(TERMS), [known()]
    patient = held(one, 40_000, since=60.0)
    pacing.add(held(one, 25_000, since=99.0))
    pacing.add(patient)
    assert pacing.next(100.0) is patient


def test_long_prompts_that_are_late_leave_endpoints_to_the_others() -> None:
    pacing, four = Pacing(TERMS), [known() for _ in range(4)]
    for _ in range(4):
        pacing.add(held(four, 60_000))
    begun = 0
    while (granted := pacing.next(100.0)) is not None:
        outlook = four[granted.at]
        stay = outlook.begin(60_000, (), 100.0)
        if granted.is_long:
            outlook.work.mark_long(stay)
        begun += 1
    assert begun == 2
    assert len(pacing) == 2
    pacing.add(held(four, 2000))
    assert pacing.next(100.0) is not None, "a short one finds an endpoint"


def test_whoever_waits_is_looked_at_again_even_if_nobody_tells_of_an_end() -> None:
    two = [known(), known()]
    stay = two[0].begin(60_000, (), 100.0)  # another model's, on the same replicas
    two[0].work.mark_long(stay)
    pacing = Pacing(TERMS)
    pacing.add(held(two, 60_000))
    now, looked = 100.0, 0
    while pacing.next(now) is None and looked < 100:
        assert pacing.wake_at is not None
        assert pacing.wake_at > now
        now, looked = pacing.wake_at, looked + 1
        if now > 110 and two[0].work.due:
            two[0].end(stay, now)
    assert len(pacing) == 0


def test_a_single_endpoint_takes_long_prompts_too() -> None:
    pacing, one = Pacing(TERMS), [known()]
    pacing.add(held(one, 60_000))
    assert pacing.next(100.0) is not None


def test_it_is_worth_waiting_for_the_endpoint_that_has_most_of_the_prompt() -> None:
    pacing, two = Pacing(TERMS), [known(), known()]
    blocks = tuple(range(30))
    stay = two[0].begin(30 * 512, blocks, 100.0)
    two[0].first(stay, 101.0)
    fill(two[0], 3000, now=101.0)
    pacing.add(Held(two, 30 * 512 + 100, blocks, 101.0))
    assert pacing.next(101.0) is None, "0.3 s of waiting save 1.5 s of prefill"
    assert pacing.wake_at is not None
    pacing.add(Held(two, 30 * 512 + 100, tuple(range(50, 80)), 101.0))
    granted = pacing.next(101.0)
    assert granted is not None
    assert granted.at == 1


def test_a_full_cache_is_not_filled_further() -> None:
    pacing, one = Pacing(TERMS), [known()]
    stay = one[0].begin(90_000, (), 90.0)
    one[0].first(stay, 99.0)
    one[0].work.room_tokens = 100_000.0
    pacing.add(held(one, 20_000))
    assert pacing.next(100.0) is None
    one[0].end(stay, 101.0, 100)
    assert pacing.next(101.0) is not None


def test_who_leaves_is_not_waited_for() -> None:
    pacing, one = Pacing(TERMS), [known()]
    gone = held(one, 5000)
    pacing.add(gone)
    pacing.discard(gone)
    assert pacing.next(100.0) is None


def test_an_endpoint_gets_no_more_at_once_than_the_objective_lets_it_have() -> None:
    pacing, one = Pacing(Terms(token_s=0.015)), [known()]
    for batch in (1, 5, 10, 20, 40):
        one[0].pace.note_rest(batch, 0.010 + batch * 0.00025, 1)
    stays = [one[0].begin(10, (), 99.0) for _ in range(20)]
    for stay in stays:
        one[0].first(stay, 99.0)
    pacing.add(held(one, 400))
    assert pacing.next(100.0 + TERMS.patience_s) is None, "patience doesn't run out on it"
    assert pacing.wake_at is not None
    assert not pacing.may_begin(one[0], 400, 400, 101.0)
    for stay in stays[:4]:
        one[0].end(stay, 101.0)
    assert pacing.next(101.0) is not None


def test_an_objective_that_no_answer_can_meet_keeps_nobody_out() -> None:
    pacing, one = Pacing(Terms(token_s=0.001)), [known()]
    for _ in range(10):
        one[0].pace.note_rest(2, 0.010, 1)
    one[0].first(one[0].begin(10, (), 99.0), 99.0)
    assert pacing.may_begin(one[0], 400, 400, 100.0)
