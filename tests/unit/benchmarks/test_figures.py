"""Figure lines, verdicts, the table and the JSON file."""

import json
from pathlib import Path

import pytest

from turnout.benchmarks.figures import Figure, Goal, Report, format_table, show_number

COST = Goal("cpu_us_per_request", "us", at_most=100, is_quick=True)
SHARE = Goal("share", "-", at_least=0.9)
OPEN = Goal("idle_cores", "cores")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (33.0, "33"),
        (12_345_678.0, "12345678"),
        (71.4567, "71.46"),
        (0.000012346, "0.00001235"),
        (-0.5, "-0.5"),
        (99999.9, "100000"),
    ],
)
def test_numbers_have_four_digits_and_no_exponent(value: float, shown: str) -> None:
    assert show_number(value) == shown


def test_a_figure_is_one_line_of_name_value_and_unit() -> None:
    assert Figure(COST, 71.4567, "best round 70").line == "figure cpu_us_per_request 71.46 us"


def test_a_figure_without_value_says_why() -> None:
    assert Figure(COST, None, "give --pid").line == "figure cpu_us_per_request n/a give --pid"


@pytest.mark.parametrize(
    ("goal", "value", "verdict"),
    [
        (COST, 100.0, "reached"),
        (COST, 100.1, "MISSED"),
        (SHARE, 0.9, "reached"),
        (SHARE, 0.89, "MISSED"),
        (OPEN, 5.0, "-"),
        (COST, None, "n/a"),
    ],
)
def test_a_verdict_follows_the_bound(goal: Goal, value: float | None, verdict: str) -> None:
    assert Figure(goal, value).verdict == verdict


def test_the_table_has_a_line_for_each_figure_with_goal_and_verdict() -> None:
    head, first, second = format_table([Figure(COST, 120.0, "busy"), Figure(OPEN, 0.04)]).splitlines()
    assert head.split() == ["figure", "goal", "value", "unit"]
    assert first.split() == ["cpu_us_per_request", "<=", "100", "120", "us", "MISSED", "busy"]
    assert second.split() == ["idle_cores", "0.04", "cores", "-"]


def test_a_report_keeps_command_seed_facts_and_raw_samples(tmp_path: Path) -> None:
    file = tmp_path / "out.json"
    Report(
        "overhead",
        ["--quick"],
        7,
        "2026-01-01T00:00:00+00:00",
        {"machine": {"cores": 2}},
        [Figure(COST, 1.5)],
        {"cost": [1, 2]},
    ).write(file)
    document = json.loads(file.read_bytes())
    assert document["command"] == ["--quick"]
    assert (document["seed"], document["machine"], document["samples"]) == (7, {"cores": 2}, {"cost": [1, 2]})
    assert document["figures"][0] == {
        "name": "cpu_us_per_request", "value": 1.5, "unit": "us", "goal": "<= 100", "verdict": "reached", "remark": "",
    }  # fmt: skip
