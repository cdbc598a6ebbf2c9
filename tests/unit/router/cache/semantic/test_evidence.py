"""What neighbours say for an answer."""

import numpy as np
import pytest
from numpy.typing import NDArray

from turnout.router.cache.semantic.evidence import FEATURES, Evidence, Knowledge, Question
from turnout.router.cache.semantic.index import Neighbours
from turnout.router.cache.semantic.literals import read_literals

NAMES = [name for name, _ in FEATURES]
RED, BLUE = 1, 2


def ask(text: str, angle: float = 0.0) -> Question:
    vector: NDArray[np.float32] = np.array([np.cos(angle), np.sin(angle)], np.float32)
    return Question(vector, read_literals(text))


def neighbours(*pairs: tuple[int, float]) -> Neighbours:
    return Neighbours(np.array([key for key, _ in pairs], np.int64), np.array([c for _, c in pairs], np.float32))


def feature(evidence: Evidence | None, name: str) -> float:
    assert evidence is not None
    return evidence.features[NAMES.index(name)]


@pytest.fixture
def knowledge() -> Knowledge:
    known = Knowledge()
    for key, (text, answer, angle) in enumerate(
        [
            ("where is my red card", RED, 0.0),
            ("my red card is where", RED, 0.1),
            ("where is my blue card", BLUE, 0.3),
            ("blue card 7 please", BLUE, 0.4),
        ]
    ):
        known.add(key, ask(text, angle), answer)
    return known


def test_nothing_near_is_no_evidence(knowledge: Knowledge) -> None:
    assert knowledge.weigh(ask("hello"), neighbours()) is None


def test_several_that_agree_outvote_a_nearer_one(knowledge: Knowledge) -> None:
    evidence = knowledge.weigh(ask("card?"), neighbours((2, 0.91), (0, 0.90), (1, 0.90)))
    assert evidence is not None
    assert (evidence.answer, evidence.key) == (RED, 0)
    assert feature(evidence, "margin") == pytest.approx(-0.01, abs=1e-5)


def test_the_margin_is_to_the_nearest_other_answer(knowledge: Knowledge) -> None:
    evidence = knowledge.weigh(ask("red"), neighbours((0, 0.95), (1, 0.94), (2, 0.7), (3, 0.6)))
    assert feature(evidence, "margin") == pytest.approx(0.25, abs=1e-5)
    assert feature(evidence, "is_unanimous") == 0


def test_unanimous_neighbours_are_measured_to_the_furthest(knowledge: Knowledge) -> None:
    evidence = knowledge.weigh(ask("red"), neighbours((0, 0.95), (1, 0.5)))
    assert feature(evidence, "is_unanimous") == 1
    assert feature(evidence, "vote") == 1
    assert feature(evidence, "margin") == pytest.approx(0.45, abs=1e-5)


def test_clusters_are_compared_by_their_middles(knowledge: Knowledge) -> None:
    near_red = knowledge.weigh(ask("red", 0.05), neighbours((0, 0.9), (2, 0.8)))
    between = knowledge.weigh(ask("red", 0.2), neighbours((0, 0.9), (2, 0.8)))
    assert feature(near_red, "cluster_similarity") == pytest.approx(1, abs=1e-3)
    assert feature(near_red, "cluster_margin") > feature(between, "cluster_margin") == pytest.approx(0, abs=1e-3)


def test_rare_words_weigh_more_than_common_ones(knowledge: Knowledge) -> None:
    common = knowledge.weigh(ask("where is my red card card is"), neighbours((0, 0.9)))
    rare = knowledge.weigh(ask("where is my red unicorn"), neighbours((0, 0.9)))
    assert feature(common, "rarity_unshared") < feature(rare, "rarity_unshared")


def test_conflicts_are_told(knowledge: Knowledge) -> None:
    evidence = knowledge.weigh(ask("blue card 8 please"), neighbours((3, 0.99)))
    assert evidence is not None
    assert "number" in evidence.conflicts
    assert feature(evidence, "number") == 1


def test_an_answer_that_was_wrong_is_remembered_until_its_last_entry_goes(knowledge: Knowledge) -> None:
    def recall() -> float:
        return feature(knowledge.weigh(ask("red"), neighbours((0, 0.9))), "past_errors")

    fresh = recall()
    knowledge.note(RED, is_right=True)
    trusted = recall()
    for _ in range(5):
        knowledge.note(RED, is_right=False)
    assert trusted < fresh < recall()
    knowledge.remove(0)
    knowledge.remove(1)
    knowledge.note(RED, is_right=False)
    knowledge.add(0, ask("where is my red card"), RED)
    assert recall() == pytest.approx(fresh)


def test_what_was_removed_leaves_nothing_behind(knowledge: Knowledge) -> None:
    for key in range(4):
        assert knowledge.remove(key)
    assert not knowledge.remove(0)
    assert repr(knowledge) == "<Knowledge 0 entries, 0 answers>"
    assert len(knowledge) == 0


def test_a_key_is_taken_once(knowledge: Knowledge) -> None:
    with pytest.raises(ValueError, match="an entry 2 already"):
        knowledge.add(2, ask("x"), RED)
    assert knowledge.get_answer(2) == BLUE
