"""The sixteen faults on real sockets: our own gateway passes them, a plain proxy none."""

import json
from collections import Counter
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


def test_a_plain_proxy_passes_none_of_the_sixteen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out.json"
    assert main(["--quick", "--against", "proxy", "--only", "suite", "--json", str(file)]) == 0
    assert "figure passed_of_16_unary 0 scenarios" in capsys.readouterr().out
    rows = json.loads(file.read_bytes())["samples"]["suite"]
    assert Counter((row["form"], row["grade"]) for row in rows) == {
        ("unary", "partial"): 10, ("unary", "fail"): 6, ("stream", "partial"): 9, ("stream", "fail"): 7,
    }  # fmt: skip
