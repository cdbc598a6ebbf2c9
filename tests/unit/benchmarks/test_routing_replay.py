"""The simulated replicas behave as engines do, and the router's planning is driven as the router drives it."""

import math
from pathlib import Path
from random import Random

import pytest

from turnout.benchmarks.scenarios.routing.replay.contestants import ALL, OURS
from turnout.benchmarks.scenarios.routing.replay.fleet import Change, SimulatedFleet
from turnout.benchmarks.scenarios.routing.replay.kv_cache import KvCache
from turnout.benchmarks.scenarios.routing.replay.replica import Engine, Replica, Sequence
from turnout.benchmarks.scenarios.routing.replay.summary import summarise
from turnout.benchmarks.scenarios.routing.replay.traces import Request, speed_up
from turnout.benchmarks.scenarios.routing.setup import RoutingSetup
from turnout.benchmarks.scenarios.setup import NotMeasurable

ENGINE = Engine()


def request(number: int, at_s: float = 0.0, prompt: int = 5120, output: int = 11, first_block: int = 0) -> Request:
    first = first_block or 1000 * (number + 1)
    return Request(number, at_s, prompt, output, tuple(range(first, first + -(-prompt // 512))))


def run_alone(*requests: Request) -> list[Sequence]:
    """One replica that gets these."""
    replica, sequences = Replica(ENGINE), [Sequence(each) for each in requests]
    coming = list(sequences)
    while coming or replica.ends_at < math.inf:
        if coming and coming[0].request.at_s <= replica.ends_at:
            sequence = coming.pop(0)
            replica.accept(sequence, sequence.request.at_s)
        else:
            replica.finish(replica.ends_at)
    return sequences


def test_alone_a_prompt_takes_its_tokens_at_the_rate_and_an_answer_its_steps() -> None:
    (only,) = run_alone(request(0))
    assert only.first_at == pytest.approx(0.512)
    assert only.ended_at - only.first_at == pytest.approx(10 * (0.012 + 0.00015))


def test_a_prefill_stalls_the_answer_beside_it_by_whole_steps() -> None:
    first, _ = run_alone(request(0), request(1, at_s=0.5, prompt=20_480))
    ten_steps = 9 * (2047 / 10_000) + 10 * 0.01215
    assert first.ended_at - first.first_at == pytest.approx(ten_steps, rel=0.12)


def test_prompts_are_prefilled_in_the_order_in_which_they_came() -> None:
    first, second = run_alone(request(0, prompt=10_240), request(1, prompt=512))
    assert second.first_at >= first.first_at


def test_a_shared_prefix_is_prefilled_once() -> None:
    _, second = run_alone(request(0, first_block=7), request(1, at_s=5.0, first_block=7, prompt=5632))
    assert second.cached_tokens == 5120
    assert second.first_at - 5.0 == pytest.approx(0.0512)


def test_an_arrival_cuts_steps_short_and_loses_none() -> None:
    first, second = run_alone(request(0, output=500), request(1, at_s=1.0, prompt=512))
    assert second.first_at - 1.0 < 0.09
    assert first.ended_at > second.ended_at
    assert first.ended_at - first.first_at == pytest.approx(499 * 0.01215 + 0.0512 + 10 * 0.00015, abs=0.002)


def test_a_full_cache_keeps_the_next_waiting_until_somebody_ends() -> None:
    first, second = run_alone(request(0, prompt=200_000, output=100), request(1, prompt=100_000))
    assert second.first_at > first.ended_at + 9.9


def test_the_longest_unused_block_goes_first_and_held_ones_never() -> None:
    cache = KvCache(4)
    assert cache.try_hold((1, 2), 0)
    assert cache.try_hold((3,), 1)
    assert not cache.try_hold((4,), 0), "all are held"
    cache.release((1, 2), 0)
    assert cache.try_hold((4,), 0)
    assert cache.count_cached((1, 2)) == 1, "the end of a prompt goes before its beginning"
    assert cache.used == 0.75


@pytest.mark.parametrize("name", ALL)
def test_every_request_of_a_replay_is_answered_whole(name: str) -> None:
    rng = Random(2)
    requests = [request(n, n * 0.05, rng.randrange(100, 30_000), rng.randrange(1, 300), 1 + n % 7) for n in range(300)]
    fleet = SimulatedFleet(ALL[name](Random(1)), [ENGINE] * 4)
    visits = fleet.run(requests)
    assert sorted(visit.sequence.request.number for visit in visits) == list(range(300))
    assert all(visit.sequence.ended_at >= visit.sequence.first_at > visit.begun_at for visit in visits)
    for candidate in fleet.candidates:
        work = candidate.foreseen().work
        assert (candidate.in_flight, work.due, work.running, work.due_tokens, work.longs) == (0, 0, 0, 0, 0)
    assert summarise(visits, fleet.replicas).max_over_mean >= 1.0


def test_the_same_seed_replays_the_same() -> None:
    requests = [request(n, n * 0.1, 8000, 100, 1 + n % 5) for n in range(100)]
    once, again = (SimulatedFleet(ALL[OURS](Random(9)), [ENGINE] * 3).run(requests) for _ in range(2))
    assert [(v.place, v.sequence.ended_at) for v in once] == [(v.place, v.sequence.ended_at) for v in again]


def test_a_replica_that_becomes_slow_loses_its_traffic_to_the_others() -> None:
    requests = [request(n, n * 0.25, 3000, 50) for n in range(400)]
    fleet = SimulatedFleet(ALL[OURS](Random(1)), [ENGINE] * 3, [Change(40.0, 0, ENGINE.slowed(5))])
    visits = fleet.run(requests)
    before = [v for v in visits if 20 <= v.begun_at < 40]
    while_slow = [v for v in visits if v.begun_at >= 45]
    assert sum(v.place == 0 for v in before) > 0.2 * len(before)
    assert sum(v.place == 0 for v in while_slow) < 0.1 * len(while_slow)


def test_sped_up_requests_come_sooner_and_are_the_same() -> None:
    (sooner,) = speed_up([request(3, at_s=10.0)], 2.0)
    assert (sooner.at_s, sooner.blocks) == (5.0, request(3).blocks)


def test_a_missing_trace_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(NotMeasurable, match=r"mooncake\.gz.*give --data"):
        RoutingSetup(True, 1, tmp_path).find("traces/mooncake.gz")
