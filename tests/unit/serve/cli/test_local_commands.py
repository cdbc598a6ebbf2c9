"""The commands that need no cluster: check, models, bench, and what `up` refuses."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.unit.serve.cli.clusters import write_cluster
from turnout.serve.cli.main import app

RUNNER = CliRunner()


def test_a_good_file_has_no_errors(tmp_path: Path) -> None:
    told = RUNNER.invoke(app, ["check", str(write_cluster(tmp_path))])
    assert told.exit_code == 0
    assert "0 errors" in told.stdout or "no problems" in told.stdout


def test_a_bad_files_problems_are_listed_with_place_and_hint(tmp_path: Path) -> None:
    file = write_cluster(tmp_path)
    file.write_text(file.read_text().replace("open_on_loopback", "open_on_lopback"))
    told = RUNNER.invoke(app, ["check", str(file)])
    assert told.exit_code == 2
    assert "line " in told.stdout
    assert "did you mean 'open_on_loopback'?" in told.stdout
    problems = json.loads(RUNNER.invoke(app, ["check", str(file), "--json"]).stdout)
    assert [problem["line"] > 1 for problem in problems if problem["severity"] == "error"] == [True]


@pytest.mark.parametrize("command", ["check", "up", "apply"])
def test_a_file_that_is_not_there_is_wrong_use(command: str, tmp_path: Path) -> None:
    told = RUNNER.invoke(app, [command, str(tmp_path / "none.yaml")])
    assert told.exit_code == 2
    assert "does not exist" in told.stderr


def test_up_starts_nothing_with_a_bad_file(tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text("applications: [{name: x}]\n")
    told = RUNNER.invoke(app, ["up", str(file)], env={"TURNOUT_HOME": str(tmp_path / "home")})
    assert told.exit_code == 2
    assert "proxy_location" in told.stderr
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "switch", ["RAY_SERVE_ENABLE_HA_PROXY", "RAY_SERVE_ENABLE_DIRECT_INGRESS", "RAY_SERVE_THROUGHPUT_OPTIMIZED"]
)
def test_up_refuses_an_environment_with_serves_own_ingress(switch: str, tmp_path: Path) -> None:
    told = RUNNER.invoke(
        app, ["up", str(write_cluster(tmp_path))], env={switch: "1", "TURNOUT_HOME": str(tmp_path / "home")}
    )
    assert told.exit_code == 2
    assert f"unset {switch}" in told.stderr


def test_models_on_this_machine_are_listed_with_those_that_could_be(tmp_path: Path) -> None:
    env = {"TURNOUT_MODELS": str(tmp_path)}
    told = RUNNER.invoke(app, ["models", "list"], env=env)
    assert told.exit_code == 0
    assert "turnout models pull smollm2" in told.stdout
    assert json.loads(RUNNER.invoke(app, ["models", "list", "--json"], env=env).stdout) == []


def test_a_model_that_is_not_here_says_how_to_get_it(tmp_path: Path) -> None:
    told = RUNNER.invoke(app, ["models", "path", "smollm2"], env={"TURNOUT_MODELS": str(tmp_path)})
    assert told.exit_code == 1
    assert "turnout models pull smollm2" in told.stderr
    refused = RUNNER.invoke(app, ["models", "pull", "no such name"], env={"TURNOUT_MODELS": str(tmp_path)})
    assert refused.exit_code == 1
    assert "hub id" in refused.stderr


def test_a_folder_is_a_model_as_it_is(tmp_path: Path) -> None:
    told = RUNNER.invoke(app, ["models", "path", str(tmp_path)])
    assert told.stdout.strip() == str(tmp_path)


def test_benchmarks_are_listed_and_mistyped_ones_corrected() -> None:
    listed = RUNNER.invoke(app, ["bench"])
    assert listed.exit_code == 0
    assert "overhead" in listed.stdout
    told = RUNNER.invoke(app, ["bench", "overhed"])
    assert told.exit_code == 2
    assert "did you mean 'overhead'?" in told.stderr


def test_a_benchmark_gets_its_own_options_and_gives_its_own_exit_code(capfd: pytest.CaptureFixture[str]) -> None:
    assert RUNNER.invoke(app, ["bench", "overhead", "--help"]).exit_code == 0
    assert "--quick" in capfd.readouterr().out
    assert RUNNER.invoke(app, ["bench", "overhead", "--no-such-option"]).exit_code == 2


@pytest.fixture
def mock_url() -> Iterator[str]:
    words = ["mock", "--model", "fast", "--text", "So it is.", "--fail", "429", "--fail-share", "0"]
    command = [sys.executable, "-m", "turnout.serve.cli.main", *words]
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    found = re.search(r"http://\S+(?=/v1)", child.stdout.readline())
    assert found is not None
    yield found[0]
    child.send_signal(signal.SIGINT)
    assert child.wait(10) == 0


def test_the_mock_says_where_it_is_and_answers(mock_url: str) -> None:
    told = RUNNER.invoke(app, ["chat", "--url", mock_url, "-m", "fast", "Is it so?"])
    assert told.stdout == "So it is.\n"


@pytest.mark.parametrize(("text", "word"), [("models: {a: {txt: 1}}", "models.a.txt"), ("a: [", "isn't YAML")])
def test_a_wrong_script_is_explained(text: str, word: str, tmp_path: Path) -> None:
    (tmp_path / "script.yaml").write_text(text)
    told = RUNNER.invoke(app, ["mock", str(tmp_path / "script.yaml")])
    assert told.exit_code == 2
    assert word in told.stderr
