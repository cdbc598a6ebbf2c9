"""docs/config.md says what the classes that read the cluster file say."""

import re
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from turnout.serve.cli.main import COMMANDS
from turnout.serve.config.check import check_text

ROOT = Path(__file__).parents[4]
TABLES: dict[str, Any] = runpy.run_path(str(ROOT / "docs" / "config_tables.py"))


def test_the_page_is_up_to_date() -> None:
    answer = subprocess.run(
        [sys.executable, ROOT / "docs" / "config_tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr


@pytest.mark.parametrize(("title", "model"), TABLES["SECTIONS"])
def test_every_key_has_a_row_in_its_own_table_or_the_one_it_comes_from(title: str, model: Any) -> None:
    tables = [TABLES["write_table"](other) for _, other in TABLES["SECTIONS"] if issubclass(model, other)]
    for name in model.model_fields:
        assert any(f"| `{name}` |" in table for table in tables), f"{title}: {name}"


def test_the_example_is_a_cluster_file_without_errors() -> None:
    text = (ROOT / "docs" / "config.md").read_text()
    example = text.split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(example)["proxy_location"] == "Disabled"
    assert [problem for problem in check_text(example, {}) if problem.severity == "error"] == []


@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/operations.md", "docs/config.md", "docs/resilience.md"],
)
def test_pages_name_only_commands_and_files_that_exist(page: str) -> None:
    text = (ROOT / page).read_text()
    assert set(re.findall(r"`(?:\.venv/bin/)?turnout ([a-z]+)", text)) <= COMMANDS.keys()
    for target in re.findall(r"\]\((?!http|#)([^)#]+)", text):
        assert ((ROOT / page).parent / target).exists(), target
