"""The router's own truth of what is under way at an endpoint."""

import pytest

from turnout.models.target import Load
from turnout.router.plan.predict.work import STALE_S, Work


def test_what_begins_counts_at_once_and_until_its_first_token() -> None:
    work = Work()
    a = work.begin(3000, 2000, 0.2, 10.0, is_silent=False)
    b = work.begin(1000, 1000, 0.1, 10.0, is_silent=False)
    assert (work.due, work.due_tokens, work.running) == (2, 3000, 0)
    assert work.wait_s(10.05) == pytest.approx(0.25)
    work.first(a, 10.25)
    assert (work.due, work.due_tokens, work.running) == (1, 1000, 1)
    assert work.wait_s(10.25) == pytest.approx(0.1), "the rest counts from what was seen, not from what was expected"
    work.first(b, 10.35)
    work.end(a, 11.0)
    work.end(b, 12.0)
    assert (work.due, work.running, work.resident_tokens, work.wait_s(12.0)) == (0, 0, 0, 0.0)


def test_a_prompt_that_is_late_keeps_others_away_the_longer_the_later_it_is() -> None:
    work = Work()
    work.begin(1000, 1000, 0.1, 10.0, is_silent=False)
    assert work.wait_s(10.3) == pytest.approx(0.1)
    assert work.wait_s(12.1) == pytest.approx(1.0)


def test_one_that_ends_without_a_first_token_leaves_nothing_behind() -> None:
    work = Work()
    stay = work.begin(1000, 1000, 0.1, 10.0, is_silent=False)
    work.mark_long(stay)
    work.end(stay, 10.05)
    assert (work.due, work.due_tokens, work.running, work.longs, work.resident_tokens) == (0, 0, 0, 0, 0)


def test_a_silent_one_is_taken_for_prefilled_when_it_should_be() -> None:
    work = Work()
    stay = work.begin(1000, 1000, 0.1, 10.0, is_silent=True)
    assert work.wait_s(10.05) == pytest.approx(0.05)
    assert work.wait_s(10.2) == 0.0
    assert (work.due, work.running) == (0, 1)
    work.end(stay, 15.0)
    assert (work.due, work.running) == (0, 0)


def test_how_long_a_prefill_took_leaves_out_what_came_before_it() -> None:
    work = Work()
    a = work.begin(5000, 5000, 0.5, 10.0, is_silent=False)
    b = work.begin(4000, 4000, 0.4, 10.1, is_silent=False)
    assert work.first(a, 10.5) == pytest.approx(0.5)
    assert work.first(b, 10.9) == pytest.approx(0.4)


def test_small_prompts_that_share_a_step_teach_nothing() -> None:
    work = Work()
    a = work.begin(500, 500, 0.05, 10.0, is_silent=False)
    b = work.begin(500, 500, 0.05, 10.0, is_silent=False)
    assert work.first(a, 10.1) is None
    assert work.first(b, 10.1) is None


def test_what_the_engine_has_beyond_our_own_is_others_and_fades() -> None:
    work = Work()
    work.begin(1000, 1000, 0.1, 10.0, is_silent=False)
    work.heed(Load(running=5, waiting=2, kv_used=0.1, prefill_tokens=9000), 10.0)
    assert work.foreign_tokens(10.0) == 8000
    assert work.batch(10.0) == 1 + 6
    assert work.foreign_tokens(14.0) == pytest.approx(2000)


def test_our_own_that_ended_since_the_engine_spoke_are_not_taken_for_others() -> None:
    work = Work()
    stay = work.begin(8000, 8000, 0.8, 10.0, is_silent=False)
    work.first(stay, 10.8)
    work.end(stay, 10.9)
    work.heed(Load(running=1, waiting=0, kv_used=0.0, prefill_tokens=8000), 11.0)
    assert (work.foreign_tokens(11.0), work.batch(11.0)) == (0.0, 0)


def test_the_room_of_the_cache_is_told_from_what_we_have_there_and_the_share_that_it_fills() -> None:
    work = Work()
    for _ in range(8):
        work.begin(8000, 8000, 0.8, 10.0, is_silent=False)
    work.heed(Load(running=8, waiting=0, kv_used=0.25, prefill_tokens=0), 11.0)
    assert work.room_tokens == pytest.approx(256_000)


def test_nothing_is_known_where_requests_run_and_nothing_was_heard_for_long() -> None:
    work = Work()
    assert not work.is_stale(1e6), "nothing runs"
    work.begin(1000, 1000, 0.1, 10.0, is_silent=False)
    assert not work.is_stale(10.0 + STALE_S)
    assert work.is_stale(10.1 + STALE_S)
