"""The cluster files that are shipped."""

from pathlib import Path

import pytest
import yaml
from ray.serve.schema import ServeDeploySchema

from turnout.serve.config.check import check_file, load_file

FOLDER = Path(__file__).parents[4] / "deployments"
ENVIRON = {"OPENAI_API_KEY": "sk-test", "TURNOUT_KEYS": "alice=sk-0123456789"}
FILES = sorted(FOLDER.glob("*.yaml"))


def test_there_are_files_for_each_kind_of_machine() -> None:
    assert [path.stem for path in FILES] == ["hybrid", "local", "multi-gpu", "single-gpu"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_file_has_no_problems_but_what_is_not_on_this_machine(path: Path) -> None:
    problems = check_file(path, ENVIRON)
    elsewhere = [problem for problem in problems if problem.severity == "warning" and "machine" in problem.message]
    assert problems == elsewhere


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_shipped_file_is_one_that_serve_run_takes(path: Path) -> None:
    ours = load_file(path)
    theirs = ServeDeploySchema.model_validate(yaml.safe_load(path.read_text()))
    assert [app.name for app in theirs.applications] == [app.name for app in ours.applications]
    assert {app.route_prefix for app in theirs.applications} == {None}
