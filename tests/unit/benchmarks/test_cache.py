"""How a run of the cache's benchmark is put together, and that its figures can fail."""

import json
import random
from pathlib import Path

import numpy as np
import pytest

from turnout.benchmarks.cache import GOALS, main
from turnout.benchmarks.scenarios.cache.bound import (
    FIXED,
    OURS,
    PER_ENTRY,
    Outcome,
    Trial,
    find_figures,
    find_hit_rates,
    plan_trials,
    run_trial,
    spread,
)
from turnout.benchmarks.scenarios.cache.setup import QUICK, CacheSetup
from turnout.benchmarks.scenarios.cache.streams.policies import FixedThreshold, Proposal
from turnout.benchmarks.scenarios.cache.streams.questions import read_advising, read_banking77, read_clinc150
from turnout.benchmarks.scenarios.cache.streams.replay import Judge, Tally, replay
from turnout.benchmarks.scenarios.cache.streams.stream import Stream, shuffle
from turnout.benchmarks.scenarios.setup import NotMeasurable
from turnout.router.cache.semantic.index import Neighbours
from turnout.router.cache.semantic.literals import read_literals

ROWS = {
    "worst_error_over_epsilon", "hit_rate_banking77_eps1", "hit_rate_clinc150_eps1", "hits_vs_per_entry_learned_policy",
    "trap_pairs_hit_at_1pct_wrong", "conversations_hit_at_1pct_wrong", "stale_answers_in_10000_agent_steps", "exact_hit_cpu_us", "lookup_100k_p99_ms",
    "upstream_calls_for_1000_identical", "cross_tenant_or_stale_hits",
}  # fmt: skip


def make_stream(count: int = 400, answers: int = 20) -> Stream:
    """Questions around their answers' directions."""
    draw = np.random.default_rng(1)
    truth = draw.integers(0, answers, count)
    vectors = draw.standard_normal((answers, 24))[truth] + 0.5 * draw.standard_normal((count, 24))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    near = np.argsort(-cosines, axis=1)[:, :-1]
    literals = tuple(read_literals(f"question about {answer}") for answer in truth)
    return Stream(
        "made", tuple(truth.tolist()), literals, vectors, near.astype(np.int32), np.take_along_axis(cosines, near, 1)
    )


class Recorder:
    """Serves every third proposal, audits every sixth, and keeps what it's told."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.stored: dict[int, int] = {}
        self.learned: list[tuple[Proposal, bool]] = []

    def propose(self, at: int, neighbours: Neighbours) -> Proposal | None:
        self.asked.append(at)
        number = len(self.asked)
        return Proposal(int(neighbours.keys[0]), number % 3 == 0, number % 6 == 0)

    def learn(self, proposal: Proposal, is_right: bool) -> None:
        self.learned.append((proposal, is_right))

    def store(self, at: int, answer: int) -> None:
        self.stored[at] = answer


def test_the_rows_are_those_of_the_figures() -> None:
    assert {goal.name for goal in GOALS if goal.is_quick} == ROWS
    assert {goal.name for goal in GOALS if not goal.is_quick} == {"collision_attack_success"}


def test_without_the_public_sets_a_row_says_what_it_needs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--quick", "--only", "bound", "--data", str(tmp_path / "nowhere")]) == 0
    assert "figure worst_error_over_epsilon n/a --data" in capsys.readouterr().out
    with pytest.raises(NotMeasurable, match="name their folder"):
        CacheSetup(QUICK, 1).get_data()


def test_sets_are_read_with_who_may_share_an_answer(tmp_path: Path) -> None:
    folder = tmp_path / "paraphrase"
    folder.mkdir()
    (folder / "banking77_train.csv").write_text('text,category\n"Where, then?",a\nHow?,b\nWhere?,a\n')
    splits = {"train": [["hi", "greet"], ["hello", "greet"]], "oos_val": [["x", "oos"], ["y", "oos"]]}
    (folder / "clinc150_dev.json").write_text(json.dumps(splits))
    sentences = [
        {"text": "Is number0 hard , department0 ?", "variables": {"number0": number, "department0": ""}}
        for number in ("550", "551", "550")
    ]
    (folder / "advising.json").write_text(json.dumps([{"sentences": sentences}, {"sentences": sentences[:1]}]))
    assert read_banking77(tmp_path).answers == (0, 1, 0)
    assert read_clinc150(tmp_path).answers == (0, 0, 1, 2)
    advising = read_advising(tmp_path)
    assert advising.answers == (0, 1, 0, 2)
    assert advising.texts[0] == "Is 550 hard , ?"


def test_a_policy_learns_of_misses_and_audits_only() -> None:
    stream, policy = make_stream(), Recorder()
    order = shuffle(stream, 1, has_drift=False)
    tally = replay(stream, order, policy, Judge(stream.answers, 0.0, random.Random(1)))
    assert tally.asked == 400
    assert tally.hits == len(policy.asked) // 3
    told = [proposal for proposal, _ in policy.learned]
    assert all(proposal.is_audited or not proposal.is_hit for proposal in told)
    assert sum(proposal.is_hit for proposal in told) == len(policy.asked) // 6
    assert all(stream.answers[at] == answer for at, answer in policy.stored.items())


def test_what_a_hit_answered_is_not_stored() -> None:
    stream = make_stream()
    tally = replay(stream, list(range(400)), policy := Recorder(), Judge(stream.answers, 0.0, random.Random(1)))
    audited_wrong = sum(proposal.is_hit and not is_right for proposal, is_right in policy.learned)
    assert len(policy.stored) == 400 - tally.hits + audited_wrong


def test_a_judge_errs_as_often_as_told_and_gold_pairs_show_it() -> None:
    judge = Judge([1] * 4000, 0.1, random.Random(1))
    assert sum(not judge.are_same(0, at) for at in range(4000)) == pytest.approx(400, abs=60)
    low, high = judge.calibrate().rejects_right
    assert low < 0.1 < high
    assert Judge([1], 0.0, random.Random(1)).calibrate().is_exact


def test_every_question_is_asked_once_and_drift_brings_answers_late() -> None:
    stream = make_stream()
    plain, drifting = (shuffle(stream, 3, has_drift) for has_drift in (False, True))
    assert sorted(plain) == sorted(drifting) == list(range(400))
    assert plain == shuffle(stream, 3, has_drift=False) != shuffle(stream, 4, has_drift=False)
    early = [len({stream.answers[at] for at in order[:80]}) for order in (plain, drifting)]
    assert early[1] < early[0]


def test_the_nearest_stored_are_found_with_few_and_with_many() -> None:
    stream = make_stream()
    is_stored = np.zeros(400, np.bool_)
    is_stored[[3, 5, 9]] = True
    assert set(stream.find_stored(0, is_stored).keys.tolist()) == {3, 5, 9}
    is_stored[:] = True
    assert stream.find_stored(0, is_stored).keys.tolist() == stream.near[0, :8].tolist()


def test_few_hits_are_held_to_one_wrong_one() -> None:
    assert Tally(1000, 10, 1).error(0.01) == 0.01
    assert Tally(1000, 10, 2).error(0.01) == 0.02
    assert Tally(1000, 400, 2).error(0.01) == 0.005


def test_the_worst_of_ours_is_the_figure_and_others_are_only_compared() -> None:
    outcomes = [
        Outcome(name, Trial(policy, "plain", 0.01, 1), Tally(1000, hits, wrong))
        for name in ("banking77", "clinc150")
        for policy, hits, wrong in ((OURS, 400, 6), (PER_ENTRY, 50, 40), (FIXED, 900, 300))
    ]
    found = {finding.name: finding.value for finding in find_figures(outcomes)}
    assert found["worst_error_over_epsilon"] == pytest.approx(1.5)
    assert found["hit_rate_banking77_eps1"] == 0.4
    assert found["hits_vs_per_entry_learned_policy"] == pytest.approx(8)


def test_trials_give_the_same_on_any_number_of_processes() -> None:
    stream = make_stream()
    trials = [trial for trial in plan_trials(1, 2) if trial.policy != OURS or trial.epsilon == 0.05]
    spreaded = spread(stream, trials)
    assert {(outcome.trial, outcome.tally) for outcome in spreaded} == {
        (outcome.trial, outcome.tally) for outcome in (run_trial(stream, trial) for trial in trials)
    }
    assert len(find_hit_rates(spreaded, "made", FIXED)) == 2


def test_a_fixed_threshold_takes_the_nearest() -> None:
    near = Neighbours(np.array([4, 2]), np.array([0.81, 0.5], np.float32))
    assert FixedThreshold().propose(0, near) == Proposal(4, is_hit=True)
    assert FixedThreshold(0.9).propose(0, near) == Proposal(4, is_hit=False)
