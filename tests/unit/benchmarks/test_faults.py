"""How a run of the faults is put together, and that the suite can fail."""

import os
import random
import socket
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from turnout.benchmarks.faults import GOALS, main, parse_arguments
from turnout.benchmarks.gateways.cluster_file import KEYS_VARIABLE, UPSTREAM_KEY_VARIABLE, ClusterConfig
from turnout.benchmarks.scenarios.faults.aborts import count_descriptors, match_departures
from turnout.benchmarks.scenarios.faults.assembly import judged_models
from turnout.benchmarks.scenarios.faults.mocks import Arrival
from turnout.benchmarks.scenarios.faults.price import price_models
from turnout.benchmarks.scenarios.faults.seams import TEXT, count_wrong_tokens, seam_pool
from turnout.benchmarks.scenarios.faults.settings import WRITERS
from turnout.benchmarks.scenarios.faults.suite import SUITE
from turnout.benchmarks.scenarios.faults.table import format_suite
from turnout.benchmarks.scenarios.faults.transcript import Reading
from turnout.benchmarks.scenarios.faults.volume import spread
from turnout.benchmarks.scenarios.faults.wiring import Upstreams, at_scale, fallback_scripts, primary_scripts
from turnout.serve.config.check import check_file
from turnout.serve.mock.script import Fault, parse_script

UPSTREAMS = Upstreams("http://127.0.0.1:9411/v1", "http://127.0.0.1:9412/v1")
QUICK_ROWS = {
    "passed_of_16_unary", "passed_of_16_stream", "success_at_30pct_faults", "indistinguishable_broken_streams", "duplicated_or_lost_tokens",
    "leaked_after_aborts", "upstream_closed_after_client_left_p99_ms", "added_us_resilience",
}  # fmt: skip
FULL_ROWS = {
    "attempts_per_request_at_30pct_faults", "attempts_per_request_in_storm", "continued_equals_uninterrupted_float32",
}  # fmt: skip


def test_the_rows_with_goals_are_those_of_the_figures() -> None:
    with_goals = [goal for goal in GOALS if goal.bound]
    assert {goal.name for goal in with_goals if goal.is_quick} == QUICK_ROWS
    assert {goal.name for goal in with_goals if not goal.is_quick} == FULL_ROWS


def test_the_mocks_take_their_scripts() -> None:
    for scale in (1.0, 0.1):
        for scripts in (primary_scripts(SUITE, scale), fallback_scripts(SUITE, scale)):
            assert len(parse_script({"models": scripts}).models) == 32


@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_turnout_takes_the_settings(tmp_path: Path, scale: float) -> None:
    models = [*judged_models(UPSTREAMS, scale), *price_models("http://127.0.0.1:9413/v1")]
    file = tmp_path / "cluster.yaml"
    file.write_text(ClusterConfig(models, 8123, 8124, tmp_path, pools=[seam_pool(1)]).to_yaml())
    environment = {KEYS_VARIABLE: "sk-test-clients", UPSTREAM_KEY_VARIABLE: "sk-test-upstream"}
    assert [str(problem) for problem in check_file(file, environment) if problem.severity == "error"] == []


def test_settings_are_printed_for_others_to_be_judged(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--print-config", "litellm", "--primary-port", "7001"]) == 0
    document = yaml.safe_load(capsys.readouterr().out)
    entries = {entry["model_name"]: entry["litellm_params"] for entry in document["model_list"]}
    assert entries["s06-stream"]["api_base"] == "http://127.0.0.1:7001/v1"
    assert entries["s06-stream"]["stream_timeout"] == 10
    lists = document["litellm_settings"]
    assert {"s12-unary": ["s12-unary-fallback"]} in lists["context_window_fallbacks"]
    assert {"s13-unary": ["s13-unary-fallback"]} in lists["content_policy_fallbacks"]
    assert all("s01-unary" not in names for names in lists["fallbacks"])
    shown = yaml.safe_load(WRITERS["turnout"](judged_models(UPSTREAMS, 1.0)))
    assert shown["providers"]["primary"]["api_key"] == "env:UPSTREAM_KEY"


def test_two_gateways_at_once_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse_arguments(["--target", "http://h:1", "--against", "proxy"])
    assert ended.value.code == 2
    assert "give one" in capsys.readouterr().err


def test_seconds_are_scaled_wherever_they_stand_and_paces_are_not() -> None:
    document = {"timeouts": {"gap_s": 10}, "faults": [{"do": "stall", "stall_s": 30}], "latency": {"tokens_per_s": 200}}
    assert at_scale(document, 0.1) == {
        "timeouts": {"gap_s": 1.0}, "faults": [{"do": "stall", "stall_s": 3.0}], "latency": {"tokens_per_s": 200},
    }  # fmt: skip


def test_shares_are_spread_evenly_over_the_draws() -> None:
    faults = [Fault.model_validate(each) for each in spread([{"do": "cut"}, {"do": "reset"}], 0.2, above=0.5)]
    rng = random.Random(1)
    shown = Counter(
        next((fault.do for fault in faults if fault.applies(1, draw)), "none")
        for draw in (0.5 + 0.5 * rng.random() for _ in range(10_000))
    )
    assert shown["cut"] == pytest.approx(2000, rel=0.1)
    assert shown["reset"] == pytest.approx(2000, rel=0.1)


WORDS = TEXT.split()


@pytest.mark.parametrize(
    ("words", "is_finished", "wrong"),
    [
        (WORDS, True, 0),
        (WORDS[:-3], True, 3),
        ([*WORDS[:50], *WORDS[48:]], True, 2),
        ([*WORDS[:50], *WORDS[52:]], True, 2),
        ([*WORDS[:50], WORDS[51], WORDS[50], *WORDS[52:]], True, 1),
        (WORDS[:50], False, 0),
        ([*WORDS[:50], *WORDS[48:50]], False, 4),
    ],
)
def test_tokens_are_counted_where_they_should_be(words: list[str], is_finished: bool, wrong: int) -> None:
    finish = "stop" if is_finished else None
    assert count_wrong_tokens(Reading(" ".join(words), finish_reason=finish, is_done=is_finished)) == wrong


def test_departures_are_matched_by_the_prompt() -> None:
    left = {"request 000001.": 1_000_000, "request 000002.": 5_000_000}
    arrivals = [
        Arrival("m", 0, 3_000_000, "left", '{"content":"request 000001."}'),
        Arrival("m", 0, 9_000_000, "answered", '{"content":"request 000002."}'),
        Arrival("m", 0, None, None, '{"content":"request 000003."}'),
    ]
    assert match_departures(left, arrivals) == [2.0]


def test_connections_to_the_mocks_are_not_counted_as_held() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        before = count_descriptors(os.getpid(), [port])
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0]:
            assert count_descriptors(os.getpid(), [port]) == before + 1  # the accepted end, whose peer is elsewhere


def test_the_table_has_a_line_for_each_and_says_why() -> None:
    row: dict[str, Any] = {"id": "s01", "title": "429 once", "grade": "pass", "why": ""}
    rows = [{**row, "form": "unary"}, {**row, "form": "stream", "grade": "fail", "why": "took too long"}]
    assert format_suite(rows).splitlines() == [
        "      fault     unary   stream",
        "s01   429 once  pass    fail",
        "      stream: took too long",
    ]
