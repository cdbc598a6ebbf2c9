"""The sixteen faults against our own gateway, on a cluster of its own and real sockets."""

import json
from pathlib import Path

import pytest

from turnout.benchmarks.faults import main


@pytest.mark.ray
@pytest.mark.timeout(240)
def test_every_scenario_is_passed_whole_and_streamed(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    assert main(["--quick", "--only", "suite", "--only", "seams", "--json", str(file)]) == 0
    report = json.loads(file.read_bytes())
    rows = report["samples"]["suite"]
    assert [(row["id"], row["form"], row["why"]) for row in rows if row["grade"] != "pass"] == []
    values = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert values == {"passed_of_16_unary": 16, "passed_of_16_stream": 16, "duplicated_or_lost_tokens": 0}
