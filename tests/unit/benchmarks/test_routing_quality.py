"""The quality scenarios read what is public, and compare with simple predictors that can learn."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.unit.router.quality.labels import make_table
from turnout.benchmarks.scenarios.routing.quality import labels
from turnout.benchmarks.scenarios.routing.quality.baselines import (
    predict_by_logistic_regression,
    predict_by_neighbours,
)
from turnout.benchmarks.scenarios.routing.quality.judged import predict_held_out
from turnout.benchmarks.scenarios.setup import NotMeasurable


def embed_nothing(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.zeros((len(texts), 4), dtype=np.float32)


@pytest.mark.parametrize("predict", [predict_by_neighbours, predict_by_logistic_regression])
def test_simple_predictors_learn_what_each_model_is_good_at(predict) -> None:  # type: ignore[no-untyped-def]
    seen, asked = make_table(400, seed=1), make_table(100, seed=2)
    qualities = predict(seen, asked, np.arange(400) % 5)
    is_code = asked.embeddings[:, 0] > 0
    assert (qualities[is_code].argmax(axis=1) == 0).mean() > 0.9
    assert (qualities[~is_code].argmax(axis=1) == 1).mean() > 0.9


def test_no_prediction_has_seen_its_own_label() -> None:
    table = make_table(200, seed=3)
    noise = type(table)(
        table.models,
        table.lexical,
        table.embeddings,
        (np.random.default_rng(4).random((200, 2)) < 0.5) * 1.0,
        table.weights,
    )
    for qualities in predict_held_out(noise, seed=1).values():
        assert abs(np.corrcoef(qualities.ravel(), noise.scores.ravel())[0, 1]) < 0.2


def test_costs_are_price_times_question_and_answer_tokens(tmp_path: Path) -> None:
    rows = [{"question": "x" * 400, "scores": {"b": 1.0, "a": 0.0}, "cluster_id": 3}]
    (tmp_path / "dcrouter_train.json.gz").write_bytes(gzip.compress(json.dumps(rows).encode()))
    price = {"input_price": 1.0, "output_price": 2.0}
    (tmp_path / "default_llm.json").write_text(json.dumps({"a": price, "b": price | {"input_price": 0.0}}))
    questions = labels.read_nine(tmp_path, embed_nothing)
    assert questions.table.models == ("a", "b")
    assert questions.table.scores.tolist() == [[0, 1]]
    assert questions.costs.tolist() == [[100 + 512, 512]]


def test_data_that_is_not_there_is_not_measurable(tmp_path: Path) -> None:
    with pytest.raises(NotMeasurable, match="--data DIR"):
        labels.read_nine(tmp_path, embed_nothing)
    with pytest.raises(NotMeasurable, match="--data DIR"):
        labels.read_pair(tmp_path, "mmlu/*.csv", embed_nothing)
