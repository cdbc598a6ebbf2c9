"""`turnout spend` and `turnout audit`, against what Control's admin routes answer."""

import asyncio
import csv
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from tests.fakes_http import Answer, Asked, FakeHttp, json_answer
from tests.unit.serve.cli.clusters import write_cluster
from turnout.models.ledger import AuditEvent, Journal
from turnout.serve.cli.main import app
from turnout.serve.cli.running import Record, place_of
from turnout.serve.control.proof.files import read_lines
from turnout.serve.control.proof.notary import SELECT_ROWS, Notary
from turnout.serve.control.proof.verify import export_row
from turnout.serve.control.sqlite import SqliteStore
from turnout.serve.control.state_dir import STORE_FILE

AMOUNTS = {
    "attempts": 5, "requests": 4, "succeeded": 3, "cancelled": 1, "hedges_lost": 0, "input_tokens": 100, "output_tokens": 20,
    "cache_read_tokens": 0, "reasoning_tokens": 0, "estimated": 1, "priced": 4, "unpriced": 0,
    "charged_nusd": 1_500_000_000, "gpu_nusd": 0, "cost_nusd": 1_500_000_001,
}  # fmt: skip
REPORT = {
    "begins_at": "2026-11-01T00:00:00Z",
    "ends_at": "2026-11-24T00:00:00Z",
    "groups": ["team"],
    "lines": [
        {"group": {"team": "=red"}, "amounts": AMOUNTS},
        {"group": {"team": ""}, "amounts": AMOUNTS | {"cost_nusd": None, "unpriced": 5}},
    ],
    "total": AMOUNTS,
    "idle": [{"pool": "small", "replica_hours": 2.0, "busy_hours": 0.5, "gpu_nusd": 4_000_000_000, "idle_nusd": 3_000_000_000}],
    "prices": [{"hash": "abc", "at_ns": 1}],
    "forecast": {
        "month": "2026-11", "spent_nusd": 1, "expected_nusd": 2_000_000_000, "low_nusd": 1_000_000_000, "high_nusd": 3_000_000_000,
        "method": "weekday_mean", "days": 22,
    },
}  # fmt: skip


class Rig:
    def __init__(self, folder: Path, control: FakeHttp, env: dict[str, str | None]) -> None:
        self.state = folder / "state"
        self.control = control
        self.env = env

    def run(self, *words: str) -> Any:
        return CliRunner().invoke(app, list(words), env=self.env)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with FakeHttp() as control:
        file = write_cluster(tmp_path, admin_port=control.port)
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "admin.key").write_text("k")
        place = place_of(tmp_path / "home", file)
        with place.hold():
            place.write(Record(str(file), 1, "http://127.0.0.1:1", 0.0))
            yield Rig(tmp_path, control, {"TURNOUT_HOME": str(tmp_path / "home"), "RAY_DASHBOARD_ADDRESS": None})


async def write_log(folder: Path) -> None:
    store = SqliteStore.open(folder / STORE_FILE, linger_s=0)
    notary = await Notary.open(store.committer, folder, lambda: 17)
    await store.append(Journal((), tuple(AuditEvent(n, "admin", "target.change", f"t{n}", "{}") for n in range(5))))
    await notary.close()
    await store.close()


def serve_log(rig: Rig) -> None:
    """The admin routes' answers about the log in the state folder, three rows a page."""
    rows = sqlite3.connect(rig.state / STORE_FILE).execute(SELECT_ROWS, (0, -1)).fetchall()

    def list_events(asked: Asked) -> Answer:
        after = int(asked.path.partition("after=")[2].partition("&")[0])
        page = [msgspec.to_builtins(export_row(row)) for row in rows if row[0] > after][:3]
        return json_answer({"rows": page, "next_after": page[-1]["seq"] if len(page) == 3 else None})

    rig.control.answers |= {
        f"GET /audit/events?after={after}&limit={limit}": list_events for after in (0, 3) for limit in (100, 1000)
    }
    rig.control.answers["GET /audit/checkpoints?after=0"] = json_answer(
        {"lines": read_lines(rig.state), "next_after": None, "public_key": ""}
    )


def test_a_report_is_a_table_with_idle_time_and_a_forecast(rig: Rig) -> None:
    rig.control.answers["GET /spend/report?group_by=team&forecast=true"] = json_answer(REPORT)
    told = rig.run("spend", "report", "--by", "team")
    assert told.exit_code == 0, told.output
    for part in (
        "=red",
        "1.5000",
        "unknown",
        "idle: small 3.0000 of 4.0000 USD",
        "2.0000 USD, four times of five between 1.0000 and 3.0000",
    ):
        assert part in told.stdout


def test_a_report_as_csv_is_exact_and_holds_no_formula(rig: Rig) -> None:
    rig.control.answers["GET /spend/report?from=2026-11-01&team=red"] = json_answer(REPORT)
    told = rig.run("spend", "report", "--from", "2026-11-01", "-w", "team=red", "--csv")
    assert told.exit_code == 0, told.output
    head, *rows = csv.reader(told.stdout.splitlines())
    assert [row[0] for row in rows] == ["'=red", "", "(total)", "(idle small)"]
    assert [row[head.index("cost_usd")] for row in rows] == ["1.500000001", "", "1.500000001", "3.000000000"]


def test_a_filter_that_is_none_is_refused(rig: Rig) -> None:
    assert rig.run("spend", "report", "--where", "teem=red").exit_code == 2
    assert rig.run("spend", "logs", "--where", "team").exit_code == 2


def test_logs_show_what_is_not_known_and_where_the_next_page_begins(rig: Rig) -> None:
    row = {
        "seq": 7, "request_id": "r1", "attempt": 2, "key_id": "k1", "team": "red", "model": "m", "target": "far", "failure": "timeout",
        "input_tokens": 3, "output_tokens": 0, "cost_nusd": None,
    }  # fmt: skip
    rig.control.answers["GET /spend/logs?after=0&limit=1"] = json_answer({"rows": [row], "next_after": 7})
    told = rig.run("spend", "logs", "--limit", "1")
    for part in ("r1/2", "timeout", "unknown", "more: --after 7"):
        assert part in told.stdout
    assert json.loads(rig.run("spend", "logs", "--limit", "1", "--json").stdout)["rows"][0]["seq"] == 7


def test_verify_says_that_the_log_is_what_was_written_or_names_the_first_bad_row(rig: Rig) -> None:
    asyncio.run(write_log(rig.state))
    told = rig.run("audit", "verify")
    assert told.exit_code == 0
    assert "5 rows are what was written" in told.stdout
    with sqlite3.connect(rig.state / STORE_FILE) as db:
        db.execute("UPDATE audit SET subject = 'x' WHERE seq = 3")
    told = rig.run("audit", "verify", "--state-dir", str(rig.state))
    assert told.exit_code == 1
    assert "row 3 isn't what was written" in told.output


def test_verify_without_a_log_is_wrong_use(rig: Rig, tmp_path: Path) -> None:
    assert rig.run("audit", "verify").exit_code == 2
    asyncio.run(write_log(rig.state))
    (tmp_path / "bad.pub").write_text("no key")
    assert rig.run("audit", "verify", "--public-key", str(tmp_path / "bad.pub")).exit_code == 2


def test_the_list_shows_rows_in_order(rig: Rig) -> None:
    asyncio.run(write_log(rig.state))
    serve_log(rig)
    told = rig.run("audit", "list")
    assert [line.split()[0] for line in told.stdout.splitlines()] == ["1", "2", "3"]
    assert json.loads(rig.run("audit", "list", "--json").stdout.splitlines()[2])["subject"] == "t2"


@pytest.mark.parametrize("change", ["", "edit the last", "drop the last", "drop one", "move checkpoints", "garble"])
def test_an_export_is_verified_like_the_log(rig: Rig, tmp_path: Path, change: str) -> None:
    asyncio.run(write_log(rig.state))
    serve_log(rig)
    out = tmp_path / "audit.jsonl"
    assert rig.run("audit", "export", "--out", str(out)).exit_code == 0
    lines = out.read_text().splitlines()
    assert len(lines) == 2 + 5
    changed = {
        "": lines,
        "edit the last": [*lines[:-1], lines[-1].replace("t4", "t5")],
        "drop the last": lines[:-1],
        "drop one": [*lines[:4], *lines[5:]],
        "move checkpoints": [*lines[2:], *lines[:2]],
        "garble": [*lines[:3], "{", *lines[4:]],
    }[change]
    out.write_text("".join(f"{line}\n" for line in changed))
    told = rig.run("audit", "verify", "--export", str(out), "--public-key", str(rig.state / "audit.pub"))
    assert told.exit_code == (1 if change else 0), told.output


def test_an_export_as_csv_has_a_line_for_each_row(rig: Rig) -> None:
    asyncio.run(write_log(rig.state))
    serve_log(rig)
    told = rig.run("audit", "export", "--format", "csv")
    assert len(list(csv.reader(told.stdout.strip().splitlines()))) == 6
