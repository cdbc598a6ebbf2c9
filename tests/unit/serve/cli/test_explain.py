"""`turnout explain` and `turnout decisions`, against what Control's admin routes answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fakes_http import FakeHttp, json_answer
from tests.unit.serve.cli.clusters import write_cluster
from turnout.models.decision import Considered, Decision, Happened, Prediction, Weighed
from turnout.serve.cli.main import app
from turnout.serve.cli.running import Record, place_of
from turnout.serve.control.decisions.lines import read_fields, write_fields

FIRST = Decision(
    "req-5f0c1b9ad2e64a11-0000000042", 1, 1_700_000_000_123_000_000, "acme", "chat", "chat", "balanced", "balanced", "here", "replica-1",
    1200, 512, True,
    (
        Considered("here", "replica-1", "", 1.0, 3, None, Prediction(700, 0.1, 0.15, 4.0, 0.02)),
        Considered("here", "replica-2", "", 0.612, 9, None, Prediction(1200, 0.4, 0.2, 10.0, 0.03)),
        Considered("far", "api.example:443", "not_local"),
    ),
    Happened(0, "reset", "network", None, 31_000, 0, 0, 0, None),
)  # fmt: skip
SECOND = Decision(
    FIRST.request_id, 2, 1_700_000_000_200_000_000, "acme", "chat", "spare", "cost", "fallback_network", "spare", "replica-9", 1200, 512, True,
    (Considered("spare", "replica-9", "", None, None, 250_000),),
    Happened(200, "", "", 240_000, 900_000, 1180, 95, 0, 1_234_567), 1.0, (Weighed("spare", 0.81, 250_000), Weighed("big", 0.93)),
)  # fmt: skip


@pytest.fixture
def control(tmp_path: Path) -> Iterator[FakeHttp]:
    with FakeHttp() as fake:
        file = write_cluster(tmp_path, admin_port=fake.port)
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "admin.key").write_text("k")
        place = place_of(tmp_path / "home", file)
        with place.hold():
            place.write(Record(str(file), 1, "http://127.0.0.1:1", 0.0))
            yield fake


def run(tmp_path: Path, *words: str) -> Any:
    env = {"TURNOUT_HOME": str(tmp_path / "home"), "RAY_DASHBOARD_ADDRESS": None}
    return CliRunner().invoke(app, list(words), env=env)


def test_a_decision_survives_being_written_as_json() -> None:
    for each in (FIRST, SECOND):
        assert read_fields(json.loads(json.dumps({"seq": 3, **write_fields(each)}))) == each


@pytest.mark.parametrize(
    ("change", "told"),
    [({"attempt": "one"}, "int"), ({"considered": None}, "NoneType"), ({"happened": {"status": 1}}, "failure")],
)
def test_what_is_no_decision_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_fields(write_fields(FIRST) | change)


def test_a_request_is_explained_in_80_columns(control: FakeHttp, tmp_path: Path) -> None:
    control.answers[f"GET /admin/decisions/{FIRST.request_id}"] = json_answer(
        {"decisions": [write_fields(FIRST), write_fields(SECOND)]}
    )
    told = run(tmp_path, "explain", FIRST.request_id)
    assert told.exit_code == 0, told.output
    lines = told.stdout.splitlines()
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    for part in (
        "for acme",
        "1.000",
        "0.250 s",
        "out: not_local",
        "failed: network",
        "for model spare: another model, since network",
        ">  spare  good to 81%  0.0002500 USD",
        "   big    good to 93%  no price",
        "first token after 0.240 s",
        "1,180 + 95 tokens",
        "0.001234567 USD",
    ):
        assert part in told.stdout, part
    (chosen,) = [line for line in lines if line.startswith("  >") and "here" in line]
    assert "replica-1" in chosen
    assert json.loads(run(tmp_path, "explain", FIRST.request_id, "--json").stdout)["decisions"][0]["attempt"] == 1


def test_an_id_that_nobody_knows_ends_with_what_control_says(control: FakeHttp, tmp_path: Path) -> None:
    control.answers["GET /admin/decisions/a%2Fb"] = (404, {}, b'{"error": {"message": "no router knows it"}}')
    told = run(tmp_path, "explain", "a/b")
    assert told.exit_code == 2
    assert "no router knows it" in told.output


def test_kept_decisions_are_listed_and_exported_page_by_page(control: FakeHttp, tmp_path: Path) -> None:
    pages = {0: ([{"seq": 1, **write_fields(FIRST)}], 1), 1: ([{"seq": 2, **write_fields(SECOND)}], None)}
    for after, (rows, next_after) in pages.items():
        control.answers[f"GET /admin/decisions?after={after}&limit=1000"] = json_answer(
            {"rows": rows, "next_after": next_after}
        )
    out = tmp_path / "decisions.jsonl"
    assert run(tmp_path, "decisions", "export", "--out", str(out)).exit_code == 0
    assert [read_fields(json.loads(line)) for line in out.read_text().splitlines()] == [FIRST, SECOND]
    control.answers["GET /admin/decisions?after=0&limit=100"] = json_answer({"rows": pages[0][0], "next_after": None})
    assert f"{FIRST.request_id}/1" in run(tmp_path, "decisions", "list").stdout
