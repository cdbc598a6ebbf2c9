"""`turnout routes`: labels with faults are refused by line, and what is fitted can be shown and used."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from turnout.models.disk.errors import ModelNotOnDisk
from turnout.models.disk.store import find
from turnout.router.quality import lexical
from turnout.router.quality.file import load
from turnout.serve.cli.labels import read_labels
from turnout.serve.cli.main import app

RUNNER = CliRunner()


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows))
    return path


def label(prompt: str, score: float = 1.0, model: str = "small", **more: float) -> dict[str, object]:
    return {"prompt": prompt, "model": model, "score": score, **more}


@pytest.fixture
def minilm() -> None:
    try:
        find("minilm")
    except ModelNotOnDisk as missing:
        pytest.skip(str(missing))


def test_labels_are_read_with_their_weights_and_mean_costs(tmp_path: Path) -> None:
    file = read_labels(write(tmp_path / "l", label("a", cost_usd=1), "", label("b", 0.5, weight=2, cost_usd=3)))
    assert [(each.prompt, each.score, each.weight) for each in file.labels] == [("a", 1, 1), ("b", 0.5, 2)]
    assert file.costs_usd == {"small": 2}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("{", "truncated"),
        ([], "Expected `object`"),
        ({"prompt": "a", "model": "m"}, "`score`"),
        ({**label("a"), "judge": "me"}, "`judge`"),
        (label("a", 1.5), "the score 1.5"),
        (label("a", weight=0), "the weight 0.0"),
        (label("a", cost_usd=-1), "the cost_usd -1.0"),
        (label(" "), "the prompt is empty"),
        (label("a", model=""), "the model is empty"),
    ],
)
def test_a_wrong_line_is_named_by_its_number(row: object, said: str, tmp_path: Path) -> None:
    path = write(tmp_path / "labels.jsonl", label("a"), label("b"), row)
    told = RUNNER.invoke(app, ["routes", "fit", "--data", str(path), "--out", str(tmp_path / "q.npz")])
    assert told.exit_code == 2
    assert "line 3: " in told.stderr
    assert said in told.stderr
    assert not (tmp_path / "q.npz").exists()


def test_of_many_wrong_lines_the_first_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.jsonl", *["{"] * 12)
    told = RUNNER.invoke(app, ["routes", "fit", "--data", str(path), "--out", str(tmp_path / "q.npz")])
    assert "line 5" in told.stderr
    assert "line 6" not in told.stderr
    assert "7 more" in told.stderr


@pytest.mark.parametrize("rows", [[], [label("a")]])
def test_too_few_prompts_are_refused(rows: list[object], tmp_path: Path) -> None:
    path = write(tmp_path / "labels.jsonl", *rows)
    told = RUNNER.invoke(app, ["routes", "fit", "--data", str(path), "--out", str(tmp_path / "q.npz")])
    assert told.exit_code == 2
    assert f"labels of {len(rows)} prompts" in told.stderr


def test_a_missing_embedder_says_how_to_get_it(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.jsonl", label("a"), label("b"))
    command = ["routes", "fit", "--data", str(path), "--out", str(tmp_path / "q.npz")]
    told = RUNNER.invoke(app, command, env={"TURNOUT_MODELS": str(tmp_path / "none")})
    assert told.exit_code == 1
    assert "turnout models pull minilm" in told.stderr


def test_an_out_folder_that_is_not_there_is_refused_before_anything_is_fitted(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.jsonl", label("a"), label("b"))
    told = RUNNER.invoke(app, ["routes", "fit", "--data", str(path), "--out", str(tmp_path / "no" / "q.npz")])
    assert told.exit_code == 2
    assert "no folder" in told.stderr


@pytest.mark.usefixtures("minilm")
def test_a_fit_is_judged_and_kept(tmp_path: Path) -> None:
    rows = []
    for n in range(60):
        rows += [
            label(f"What is {n} times {n + 3}?", 0.0, "small", cost_usd=1),
            label(f"What is {n} times {n + 3}?", 1.0, "large", cost_usd=9),
        ]
        rows += [
            label(f"Name a song about day {n}", 1.0, "small", cost_usd=1),
            label(f"Name a song about day {n}", 1.0, "large", cost_usd=9),
        ]
    path, out = write(tmp_path / "labels.jsonl", *rows), tmp_path / "q.npz"
    told = RUNNER.invoke(app, ["routes", "fit", "--data", str(path), "--out", str(out)])
    assert told.exit_code == 0, told.stderr
    assert "calibration error with embeddings" in told.stdout
    assert "as good as always large, at 0.5" in told.stdout
    assert "small has 120 labels" in told.stderr
    small, large = load(out).predict(lexical.read("What is 17 times 20?"))
    assert small < 0.5 < large
    shown = RUNNER.invoke(app, ["routes", "show", str(out)])
    assert shown.exit_code == 0
    assert "embedder: minilm-" in shown.stdout
    assert "large" in shown.stdout


def test_what_is_no_predictor_is_not_shown(tmp_path: Path) -> None:
    other = tmp_path / "x.npz"
    np.savez(other, a=np.zeros(3))
    told = RUNNER.invoke(app, ["routes", "show", str(other)])
    assert told.exit_code == 2
    assert "isn't a file of `turnout routes fit`" in told.stderr
