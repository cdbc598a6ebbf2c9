"""`turnout replay` and `turnout tune`, on a file of decisions."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from tests.unit.serve.replay.traffic import record
from turnout.serve.cli.main import app
from turnout.serve.control.decisions.lines import write_fields

CLUSTER = """\
proxy_location: Disabled
applications:
  - name: control
    route_prefix: null
    import_path: turnout.serve.apps:control
    args: {{state_dir: {folder}}}
  - name: router
    route_prefix: null
    import_path: turnout.serve.apps:router
    args: {{host: 127.0.0.1}}
    deployments:
      - name: Router
        user_config:
          auth: {{open_on_loopback: true}}
          providers:
            acme: {{base_url: "https://acme.example/v1"}}
          models:
            - name: m     # kept
              strategy: {strategy}
              targets:
                - {{name: near, provider: acme, model: x, input_cost_per_token: 1.0e-6, output_cost_per_token: 4.0e-6}}
                - {{name: far, provider: acme, model: x, input_cost_per_token: 1.0e-7, output_cost_per_token: 4.0e-7}}
"""


class Files:
    def __init__(self, folder: Path) -> None:
        self.folder, self.data = folder, folder / "decisions.jsonl"
        self.write(record(800))

    def write(self, decisions: list[Any]) -> None:
        self.data.write_text("".join(json.dumps(write_fields(each)) + "\n" for each in decisions))

    def cluster(self, strategy: str) -> Path:
        path = self.folder / f"{strategy}.yaml"
        path.write_text(CLUSTER.format(folder=self.folder, strategy=strategy))
        return path

    def run(self, *words: object) -> Any:
        return CliRunner().invoke(app, [*map(str, words), "--data", str(self.data)])


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_a_replay_says_what_changes_and_what_it_cannot_know(files: Files) -> None:
    told = files.run("replay", "--config", files.cluster("cost"))
    assert told.exit_code == 0, told.output
    assert "m: 800 requests" in told.stdout
    assert "-> 0.0300, by -" in told.stdout
    assert "far" in told.stdout
    assert "What this can't know" in told.stderr
    assert max(map(len, told.stdout.splitlines())) <= 100


def test_a_replay_is_json_too_and_the_same_for_the_same_seed(files: Files) -> None:
    words = ("replay", "--config", files.cluster("power_of_two"), "--json", "--seed", "7")
    (model,) = json.loads(files.run(*words).stdout)["models"]
    assert model["cost_usd"]["low"] <= 0 <= model["cost_usd"]["high"]
    assert files.run(*words).stdout == files.run(*words).stdout


def test_what_cannot_be_replayed_is_wrong_use(files: Files) -> None:
    good = files.cluster("cost")
    files.write([])
    assert files.run("replay", "--config", good).exit_code == 2
    files.data.write_text("{}\n")
    told = files.run("replay", "--config", good)
    assert (told.exit_code, "line 1" in told.stderr) == (2, True)
    assert files.run("replay", "--config", files.cluster("nonsense")).exit_code == 2


def test_tune_proposes_and_writes_only_where_it_is_told_to(files: Files) -> None:
    before = files.cluster("power_of_two")
    text = before.read_text()
    told = files.run("tune", "--config", before)
    assert told.exit_code == 0, told.output
    assert "instead of power_of_two" in told.stdout
    assert sorted(path.name for path in files.folder.iterdir()) == ["decisions.jsonl", "power_of_two.yaml"]
    tuned = files.folder / "tuned.yaml"
    assert files.run("tune", "--config", before, "--write", tuned).exit_code == 0
    assert before.read_text() == text
    strategy = yaml.safe_load(tuned.read_text())["applications"][1]["deployments"][0]["user_config"]["models"][0][
        "strategy"
    ]
    assert strategy != "power_of_two"
    assert "# kept" in tuned.read_text()
    assert CliRunner().invoke(app, ["check", str(tuned)]).exit_code == 0


def test_tune_writes_nothing_where_it_has_nothing_to_propose(files: Files) -> None:
    files.write(record(50))
    out = files.folder / "tuned.yaml"
    told = files.run("tune", "--config", files.cluster("cost"), "--write", out)
    assert told.exit_code == 0
    assert "stay with cost" in told.stdout
    assert not out.exists()
