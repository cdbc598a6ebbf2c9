"""The bound on wrong hits holds, whatever the traffic, and what's served is worth having."""

import random
from dataclasses import dataclass

import numpy as np
import pytest

from turnout.router.cache.semantic.decision import Bound, Decision
from turnout.router.cache.semantic.error_model import ErrorModel
from turnout.router.cache.semantic.evidence import FEATURES, Evidence
from turnout.router.cache.semantic.judgement import JudgeNoise, estimate_noise

NAMES = [name for name, _ in FEATURES]
SIGNS = [sign for _, sign in FEATURES]


def make_evidence(similarity: float, number: float = 0.0) -> Evidence:
    features = [0.0] * len(NAMES)
    features[NAMES.index("one")] = 1.0
    features[NAMES.index("similarity")] = similarity
    features[NAMES.index("number")] = number
    return Evidence(1, 1, similarity, (), tuple(features))


@dataclass(slots=True)
class Traffic:
    """Proposals whose chance to be wrong falls with their similarity, as `offset` says; a judge that errs in `judge_error`."""

    seed: int
    offset: float = 4.0
    judge_error: float = 0.0
    hits: int = 0
    wrong: int = 0

    def run(self, decision: Decision, count: int) -> None:
        draw = random.Random(self.seed)
        for _ in range(count):
            similarity = draw.random()
            is_wrong = draw.random() < 1 / (1 + np.exp(20 * similarity - self.offset))
            evidence = make_evidence(similarity)
            verdict = decision.decide(evidence)
            if verdict.is_hit:
                self.hits += 1
                self.wrong += is_wrong
            if not verdict.is_hit or verdict.is_audited:
                decision.learn(evidence, verdict, is_right=is_wrong == (draw.random() < self.judge_error))

    def error_over(self, epsilon: float) -> float:
        return self.wrong / max(self.hits, 1 / epsilon) / epsilon


def decide_with(bound: Bound, seed: int = 1) -> Decision:
    return Decision(bound, random.Random(seed))


@pytest.mark.parametrize("epsilon", [0.01, 0.05])
def test_the_error_stays_below_the_bound_on_twenty_streams(epsilon: float) -> None:
    streams = []
    for seed in range(20):
        traffic = Traffic(seed)
        traffic.run(decide_with(Bound(epsilon), seed), 3000)
        streams.append(traffic)
    assert max(traffic.error_over(epsilon) for traffic in streams) <= 1
    assert min(traffic.hits for traffic in streams) > 600


def test_nothing_is_served_before_anything_is_known() -> None:
    verdict = decide_with(Bound(0.05)).decide(make_evidence(1.0))
    assert not verdict.is_hit
    assert verdict.reason == "learning"
    assert verdict.wrong_probability == 1


def test_nothing_is_served_where_every_proposal_is_as_often_wrong() -> None:
    decision = decide_with(Bound(0.01))
    traffic = Traffic(3, offset=1000)
    traffic.run(decision, 2000)
    assert traffic.hits == 0
    assert decision.decide(make_evidence(1.0)).reason == "risk"


def test_a_judge_who_errs_means_fewer_hits_and_not_more_errors() -> None:
    noise = estimate_noise(1000, 40, 1000, 40)
    exact, noisy = Traffic(5), Traffic(5, judge_error=0.04)
    exact.run(decide_with(Bound(0.02)), 4000)
    noisy.run(decide_with(Bound(0.02, noise=noise)), 4000)
    assert noisy.hits < exact.hits
    assert noisy.error_over(0.02) <= 1


def test_traffic_that_turns_bad_is_noticed_by_audits() -> None:
    decision = decide_with(Bound(0.05, audit_share=0.2))
    Traffic(7).run(decision, 3000)
    before = decision.standing
    bad = Traffic(8, offset=17)
    bad.run(decision, 3000)
    late = Traffic(9, offset=17)
    late.run(decision, 2000)
    assert decision.standing.threshold < before.threshold
    assert late.hits < bad.hits


def test_the_share_of_audits_is_the_one_asked_for() -> None:
    for share, expected in ((0.0, 0), (1.0, 1)):
        decision = decide_with(Bound(0.05, audit_share=share))
        Traffic(2).run(decision, 1500)
        verdicts = [decision.decide(make_evidence(1.0)) for _ in range(20)]
        assert [verdict.is_audited for verdict in verdicts] == [bool(expected)] * 20


def test_the_standing_counts_hits_and_what_may_be_wrong_among_them() -> None:
    decision = decide_with(Bound(0.02))
    assert (decision.standing.hits, decision.standing.expected_wrong) == (0, 0)
    traffic = Traffic(4)
    traffic.run(decision, 3000)
    assert decision.standing.hits == traffic.hits
    assert 0 < decision.standing.expected_wrong <= 0.02 * traffic.hits + 10
    assert "hits=" in repr(decision)


@pytest.mark.parametrize("rate", [0.0, -0.1, 0.6])
def test_a_rate_that_means_nothing_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="max_error_rate is"):
        Bound(rate)


def test_a_share_of_audits_above_one_is_refused() -> None:
    with pytest.raises(ValueError, match="audit_share is 2"):
        Bound(0.01, audit_share=2)


def test_what_speaks_against_a_hit_never_makes_it_safer() -> None:
    """All pairs with another number were right: by chance, or since only good ones were judged."""
    model = ErrorModel(SIGNS, 0.05, JudgeNoise())
    draw = random.Random(6)
    for place in range(600):
        similarity, number = draw.random(), float(place % 10 == 0)
        is_wrong = not number and draw.random() < 1 / (1 + np.exp(20 * similarity - 8))
        model.add(make_evidence(similarity, number).features, is_wrong)
    model.fit()
    plain, conflicting = (model.estimate(make_evidence(0.6, number).features) for number in (0.0, 1.0))
    assert conflicting >= plain


def test_the_model_learns_the_chances_and_bounds_its_own_hope() -> None:
    model = ErrorModel(SIGNS, 0.05, JudgeNoise())
    draw = random.Random(6)
    for _ in range(4000):
        similarity = draw.random()
        model.see(make_evidence(similarity).features)
        model.add(make_evidence(similarity).features, draw.random() < 1 / (1 + np.exp(20 * similarity - 8)))
    said = model.fit()
    assert said == sorted(said)
    for similarity in (0.3, 0.4, 0.5, 0.6):
        true = 1 / (1 + np.exp(20 * similarity - 8))
        assert 0.8 * true < model.estimate(make_evidence(similarity).features) < 2 * true
    assert 0.7 <= model.ratio < 1.2


def test_the_oldest_labels_make_room() -> None:
    model = ErrorModel(SIGNS, 0.05, JudgeNoise())
    for place in range(20_000):
        model.add(make_evidence(place % 7 / 7).features, is_wrong=place < 10_000)
    model.fit()
    assert model.labels == 20_000
    assert model.estimate(make_evidence(0.5).features) < 0.01
