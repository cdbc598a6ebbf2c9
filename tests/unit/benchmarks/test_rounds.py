"""Measuring in turns, and the statistics on what came of it."""

import random
from dataclasses import dataclass, field

import pytest

from turnout.benchmarks.load.plan import LoadPlan, LoadResult
from turnout.benchmarks.rounds import (
    BadAnswers,
    Subject,
    compare_rounds,
    interleave,
    measure,
    median_and_best,
    paired_ratio,
    quantile,
)

PLAN = LoadPlan("", b"{}")


def result(ok: int = 10, lost: int = 0) -> LoadResult:
    return LoadResult(
        client="fake", connections=1, elapsed_s=1.0, sent=ok + lost, ok=ok, rps=ok, bad_status=0, last_bad_status=0, bad_body=0, lost=lost, refused=0,
        stuck=0, reconnects=0, late=0, streams=0, events=20, events_per_s=20, own_cpu_s=0.0, failures=[],
    )  # fmt: skip


@dataclass
class FakeClient:
    """Answers every plan with one result, and remembers whom it was aimed at."""

    answer: LoadResult = field(default_factory=result)
    urls: list[str] = field(default_factory=list)
    headers: list[tuple[tuple[str, str], ...]] = field(default_factory=list)

    def run(self, plan: LoadPlan) -> LoadResult:
        self.urls.append(plan.url)
        self.headers.append(plan.headers)
        return self.answer


A, B = Subject("a", "http://a/v1", "m", "key"), Subject("b", "http://b/v1", "m")


def test_every_subject_is_measured_once_a_round_in_orders_that_the_seed_decides() -> None:
    client, again = FakeClient(), FakeClient()
    samples = interleave(client, [A, B], lambda _: PLAN, 8, random.Random(3))
    interleave(again, [A, B], lambda _: PLAN, 8, random.Random(3))
    rounds = [client.urls[start : start + 2] for start in range(0, 16, 2)]
    assert all(sorted(urls) == ["http://a/v1/chat/completions", "http://b/v1/chat/completions"] for urls in rounds)
    assert len({tuple(urls) for urls in rounds}) == 2
    assert again.urls == client.urls
    assert [sample.round for sample in samples["a"]] == list(range(8))


def test_the_key_goes_along_only_where_there_is_one() -> None:
    client = FakeClient()
    measure(client, A, PLAN)
    measure(client, B, PLAN)
    assert client.headers == [(("Authorization", "Bearer key"),), ()]


def test_answers_that_are_not_all_good_make_no_sample() -> None:
    with pytest.raises(BadAnswers, match="b: 2 lost of 12"):
        measure(FakeClient(result(lost=2)), B, PLAN)


def test_a_subject_whose_processes_are_unknown_has_no_cpu_time() -> None:
    assert measure(FakeClient(), B, PLAN).cpu_s is None


def test_a_ratio_is_taken_within_each_round() -> None:
    assert paired_ratio([10, 200, 30], [5, 100, 10]) == 2.0


def test_median_and_best_are_of_all_rounds() -> None:
    assert median_and_best([3.0, 1.0, 9.0]) == (3.0, 1.0)


@pytest.mark.parametrize(("share", "value"), [(0.0, 1), (0.5, 50), (0.99, 99), (1.0, 100)])
def test_a_quantile_is_the_nearest_rank_below(share: float, value: int) -> None:
    assert quantile(list(range(100, 0, -1)), share) == value


def test_a_difference_between_rounds_comes_with_its_error() -> None:
    steady = compare_rounds([12, 22, 32, 42, 52], [10, 20, 30, 40, 50])
    assert (steady.median, steady.error) == (2, 0)
    shaky = compare_rounds([10, 0, 30, 0, 50, 0, 70, 0], [0, 0, 0, 0, 0, 0, 0, 0])
    assert shaky.error > 5


def test_few_rounds_have_half_their_range_as_error() -> None:
    assert compare_rounds([3, 1, 2], [0, 0, 0]).error == 1.0
