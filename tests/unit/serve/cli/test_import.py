"""`turnout import`: what it writes, what it says, and how it ends."""

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from tests.golden.litellm.making import HERE
from turnout.serve.cli.main import app

RUNNER = CliRunner()


def test_the_new_file_is_written_and_check_accepts_it(tmp_path: Path) -> None:
    out = tmp_path / "cluster.yaml"
    told = RUNNER.invoke(app, ["import", "litellm", str(HERE / "secrets.yaml"), "-o", str(out)])
    assert told.exit_code == 0, told.stderr
    assert "5 models" in told.stderr
    assert "line 6:model_list[1].litellm_params.api_key" in told.stderr
    assert "SECRET-" not in told.stderr + told.stdout + out.read_text(encoding="utf-8")
    checked = RUNNER.invoke(app, ["check", str(out)])
    assert checked.exit_code == 0, checked.stdout


def test_without_a_name_the_file_goes_to_standard_output_and_the_report_to_standard_error() -> None:
    told = RUNNER.invoke(app, ["import", "litellm", str(HERE / "quickstart.yaml")])
    assert told.exit_code == 0
    assert "proxy_location: Disabled" in told.stdout
    assert "left out" in told.stderr
    assert "left out" not in told.stdout


def test_the_report_can_be_read_by_programs() -> None:
    told = RUNNER.invoke(app, ["import", "litellm", str(HERE / "quickstart.yaml"), "--json"])
    notes = json.loads(told.stdout)
    assert notes[0]["kind"] == "left_out"
    assert (notes[0]["path"], notes[0]["line"]) == ("model_list[3].litellm_params.model", 19)


def test_a_config_of_which_nothing_is_left_ends_with_1(tmp_path: Path) -> None:
    out = tmp_path / "cluster.yaml"
    told = RUNNER.invoke(app, ["import", "litellm", str(HERE / "nothing.yaml"), "-o", str(out)])
    assert told.exit_code == 1
    assert "no model of" in told.stderr
    assert not out.exists()


def test_what_is_no_config_of_litellms_is_wrong_use(tmp_path: Path) -> None:
    for number, content in enumerate(["a: [", "", "- 1", "models: []", "model_list: none"]):
        config = tmp_path / f"{number}.yaml"
        config.write_text(content)
        assert RUNNER.invoke(app, ["import", "litellm", str(config)]).exit_code == 2, content


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    out = tmp_path / "cluster.yaml"
    shutil.copy(HERE / "quickstart.yaml", out)
    assert RUNNER.invoke(app, ["import", "litellm", str(HERE / "quickstart.yaml"), "-o", str(out)]).exit_code == 2
    assert out.read_bytes() == (HERE / "quickstart.yaml").read_bytes()
    assert (
        RUNNER.invoke(app, ["import", "litellm", str(HERE / "quickstart.yaml"), "-o", str(out), "--force"]).exit_code
        == 0
    )
    assert out.read_text(encoding="utf-8").startswith("# Made by")
