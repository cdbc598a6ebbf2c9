"""The script's command line, its rows, and what it prints."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from turnout.benchmarks.figures import Goal
from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.remote import remote_subject
from turnout.benchmarks.load.client import LoadClient
from turnout.benchmarks.load.upstream import Pace
from turnout.benchmarks.overhead import GOALS, main, parse_arguments
from turnout.benchmarks.reporting import judge, redact_keys
from turnout.benchmarks.rounds import BadAnswers, Subject
from turnout.benchmarks.scenarios.setup import QUICK, NotMeasurable, Setup
from turnout.benchmarks.steps import Step, run_steps

QUICK_ROWS = [
    "cpu_us_per_request", "cpu_per_request_vs_ref_proto", "added_p50_ms_c1", "added_ttft_p50_ms_c1", "cpu_us_per_token", "router_pss_mb",
]  # fmt: skip
FULL_ROWS = [
    "cpu_per_request_vs_litellm", "cpu_per_request_vs_vllm_router", "cpu_us_per_request_all_stages_on", "added_p99_ms_c1",
    "added_ttft_p50_ms_real_vllm", "lost_in_rolling_update", "lost_beyond_in_flight_on_kill",
]  # fmt: skip


class StillUpstream:
    """An upstream that nobody asks."""

    base_url = "http://127.0.0.1:1/v1"
    description = "none"

    def set_pace(self, pace: Pace) -> None:
        del pace


def setup() -> Setup:
    subject = Subject("turnout", "http://127.0.0.1:1/v1", "m")
    return Setup(LoadClient(None), StillUpstream(), subject, subject, (), None, None, "", QUICK, random.Random(1))


def test_the_rows_with_goals_are_those_of_the_figures() -> None:
    with_goals = [goal for goal in GOALS if goal.bound]
    assert sorted(goal.name for goal in with_goals if goal.is_quick) == sorted(QUICK_ROWS)
    assert sorted(goal.name for goal in with_goals if not goal.is_quick) == sorted(FULL_ROWS)


def test_a_row_that_was_not_found_is_printed_with_the_reason() -> None:
    figures = judge([Goal("a", "us"), Goal("b", "us")], [Finding("a", 1.0)], {"b": "no compiler"})
    assert [figure.line for figure in figures] == ["figure a 1 us", "figure b n/a no compiler"]


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["--api-key", "sk-1", "--quick"], ["--api-key", "***", "--quick"]),
        (["--api-key=sk-1"], ["--api-key=***"]),
        (["--api-key", "env:KEY", "--upstream-api-key", "x"], ["--api-key", "env:KEY", "--upstream-api-key", "***"]),
    ],
)
def test_keys_do_not_stand_in_reports(words: list[str], shown: list[str]) -> None:
    assert redact_keys(words) == shown


def test_a_target_needs_the_upstream_that_it_is_measured_against(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--target", "http://h:1"])
    assert ended.value.code == 2
    assert "--target and --upstream go together" in capsys.readouterr().err


def test_arguments_become_options() -> None:
    words = [
        "--quick",
        "--seed",
        "4",
        "--target",
        "http://h:1",
        "--upstream",
        "http://u:2",
        "--pid",
        "7",
        "--pid",
        "8",
        "--api-key",
        "sk-1",
    ]
    options, output = parse_arguments([*words, "--json", "o.json"])
    assert (options.is_quick, options.seed, options.pids, options.api_key) == (True, 4, (7, 8), "sk-1")
    assert (output.json, output.plot) == (Path("o.json"), None)


def test_a_key_that_the_environment_lacks_is_named() -> None:
    with pytest.raises(SystemExit, match="no TURNOUT_NO_SUCH_KEY"):
        parse_arguments(["--api-key", "env:TURNOUT_NO_SUCH_KEY"])


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/", "http://h:1/v1", "http://h:1/v1/"])
def test_a_url_may_have_its_version_or_not(url: str) -> None:
    assert remote_subject("t", url, "m", None, ()).base_url == "http://h:1/v1"


def test_a_failed_scenario_leaves_its_rows_empty_and_the_others_run() -> None:
    def fail(_: Setup) -> Findings:
        raise BadAnswers("turnout: 3 lost of 9")

    def skip(_: Setup) -> Findings:
        raise NotMeasurable("no pid")

    steps = [
        Step("bad", ("a",), fail),
        Step("off", ("b",), skip),
        Step("good", ("c",), lambda _: Findings([Finding("c", 2.0)], {"c": [2]})),
    ]
    said: list[str] = []
    values, samples, failed = run_steps(steps, setup(), said.append)
    assert [(finding.name, finding.value, finding.remark) for finding in values] == [
        ("a", None, "failed: turnout: 3 lost of 9"), ("b", None, "no pid"), ("c", 2.0, ""),
    ]  # fmt: skip
    assert (samples, failed) == ({"c": [2]}, ["bad"])
    assert said[0] == "[1/3] bad"


def test_plans_are_aimed_with_the_subjects_own_model() -> None:
    plan = replace(setup(), expected="x").unary(Subject("other", "http://h/v1", "their-model"))
    assert json.loads(plan.body)["model"] == "their-model"
    assert plan.expected == "x"


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_quick_run_prints_every_quick_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "out.json"
    assert main(["--quick", "--json", str(file)]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("figure ")]
    values = {words[1]: words[2] for words in lines[1:]}
    assert all(float(values[row]) > 0 for row in QUICK_ROWS)
    assert json.loads(file.read_bytes())["samples"].keys() >= {
        "request_cost",
        "token_cost",
        "added_latency",
        "added_ttft",
    }
