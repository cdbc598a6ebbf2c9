"""`turnout keys`, `orgs`, `teams` and `users` against a stand-in for Control."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fakes_http import FakeHttp, json_answer
from tests.unit.serve.cli.clusters import write_cluster
from turnout.serve.cli.assignments import read_assignments
from turnout.serve.cli.main import app
from turnout.serve.cli.refusal import Refusal
from turnout.serve.cli.running import Record, place_of

Run = Callable[..., Any]
REACH = {"acknowledged": ["r1", "r2"], "lease_ended": [], "late": []}
KEY = {
    "key_id": "k-1",
    "key_alias": "one",
    "team_id": "search",
    "user_id": None,
    "models": ["a", "b"],
    "max_budget": "10",
}
EFFECTIVE = {"models": ["a"], "limits": [{"bucket": "org:acme", "unit": "requests", "amount": 5, "window_s": 60}]}


@pytest.fixture
def control(tmp_path: Path) -> Iterator[FakeHttp]:
    with FakeHttp() as control:
        yield control


@pytest.fixture
def run(tmp_path: Path, control: FakeHttp) -> Iterator[Run]:
    file = write_cluster(tmp_path, admin_port=control.port)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "admin.key").write_text("the-admin-key")
    place = place_of(tmp_path / "home", file)
    with place.hold():
        place.write(Record(str(file), 1, "http://127.0.0.1:1", 0.0))
        env = {"TURNOUT_HOME": str(tmp_path / "home"), "RAY_DASHBOARD_ADDRESS": None}
        yield lambda *words: CliRunner().invoke(app, list(words), env=env)


def test_a_generated_key_alone_goes_to_standard_output(run: Run, control: FakeHttp) -> None:
    control.answers["POST /key/generate"] = json_answer({"key": "sk-tn-new", **KEY, "reach": REACH})
    told = run("keys", "generate", "team_id=search", "models=a,b", "max_budget=10", "rpm_limit=60", 'metadata={"x": 1}')
    assert (told.exit_code, told.stdout) == (0, "sk-tn-new\n")
    assert "k-1" in told.stderr
    assert control.asked[-1].headers["authorization"] == "Bearer the-admin-key"
    assert control.asked[-1].json() == {
        "team_id": "search", "models": ["a", "b"], "max_budget": "10", "rpm_limit": 60, "metadata": {"x": 1},
    }  # fmt: skip


def test_keys_are_listed_over_all_pages(run: Run, control: FakeHttp) -> None:
    for page in (1, 2):
        answer = {"keys": [{**KEY, "key_id": f"k-{page}"}], "total_pages": 2}
        control.answers[f"GET /key/list?team_id=search&page={page}&size=1000"] = json_answer(answer)
    told = run("keys", "list", "--team", "search")
    assert told.stdout.splitlines()[0].split() == [
        "key",
        "alias",
        "team",
        "user",
        "models",
        "budget",
        "expires",
        "blocked",
    ]
    assert [line.split()[0] for line in told.stdout.splitlines()[1:]] == ["k-1", "k-2"]
    assert len(json.loads(run("keys", "list", "--team", "search", "--json").stdout)) == 2


def test_info_shows_what_routers_obey(run: Run, control: FakeHttp) -> None:
    control.answers["GET /key/info?key_id=k-1"] = json_answer({"info": {**KEY, "effective": EFFECTIVE}})
    told = run("keys", "info", "k-1").stdout
    assert "effective limits" in told
    assert "bucket=org:acme unit=requests amount=5 window_s=60" in told


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (("keys", "update", "k-1", "rpm_limit=none"), "/key/update", {"key_id": "k-1", "rpm_limit": None}),
        (("keys", "block", "k-1"), "/key/block", {"key_id": "k-1"}),
        (("keys", "unblock", "k-1"), "/key/unblock", {"key_id": "k-1"}),
        (("teams", "new", "team_id=k-1", "blocked=true"), "/team/new", {"team_id": "k-1", "blocked": True}),
        (("teams", "update", "k-1", "team_alias=5"), "/team/update", {"team_id": "k-1", "team_alias": "5"}),
        (("teams", "block", "k-1"), "/team/block", {"team_id": "k-1"}),
        (("users", "unblock", "k-1"), "/user/unblock", {"user_id": "k-1"}),
        (
            ("orgs", "new", "organization_id=k-1", "organization_alias=7"),
            "/organization/new",
            {"organization_id": "k-1", "organization_alias": "7"},
        ),
        (
            ("orgs", "update", "k-1", "max_budget=5"),
            "/organization/update",
            {"organization_id": "k-1", "max_budget": "5"},
        ),
        (("orgs", "block", "k-1"), "/organization/block", {"organization_id": "k-1"}),
        (("orgs", "unblock", "k-1"), "/organization/unblock", {"organization_id": "k-1"}),
        (("users", "update", "k-1", "user_role=viewer"), "/user/update", {"user_id": "k-1", "user_role": "viewer"}),
    ],
)
def test_changes_are_sent_and_told(
    run: Run, control: FakeHttp, words: tuple[str, ...], path: str, body: object
) -> None:
    shown = dict.fromkeys(("key_id", "team_id", "user_id", "organization_id"), "k-1") | {"reach": REACH}
    control.answers[f"POST {path}"] = json_answer(shown)
    told = run(*words)
    assert (told.exit_code, told.stdout.split()[0], told.stdout.endswith("at 2 routers\n")) == (0, "k-1", True)
    assert control.asked[-1].json() == body


def test_deleting_says_all_that_went(run: Run, control: FakeHttp) -> None:
    control.answers["POST /user/delete"] = json_answer({"deleted": ["ann", "k-1"], "reach": REACH})
    assert run("users", "delete", "ann").stdout == "deleted: ann, k-1\n"
    assert control.asked[-1].json() == {"user_ids": ["ann"]}


def test_organisations_are_listed_shown_and_deleted(run: Run, control: FakeHttp) -> None:
    acme = {"organization_id": "acme", "organization_alias": "Acme", "models": [], "max_budget": "10", "blocked": True}
    control.answers["GET /organization/list"] = json_answer({"organizations": [acme]})
    control.answers["GET /organization/info?organization_id=acme"] = json_answer(
        {"info": {**acme, "effective": EFFECTIVE}}
    )
    control.answers["POST /organization/delete"] = json_answer({"deleted": ["acme"], "reach": REACH})
    rows = [line.split() for line in run("orgs", "list").stdout.splitlines()]
    assert rows == [["organization", "alias", "models", "budget", "blocked"], ["acme", "Acme", "-", "10", "yes"]]
    assert "effective limits" in run("orgs", "info", "acme").stdout
    assert run("orgs", "delete", "acme").stdout == "deleted: acme\n"
    assert control.asked[-1].json() == {"organization_ids": ["acme"]}


def test_a_new_secret_is_printed(run: Run, control: FakeHttp) -> None:
    control.answers["POST /key/regenerate"] = json_answer({"key": "sk-tn-2", **KEY, "reach": REACH})
    assert run("keys", "regenerate", "k-1", "--grace-s", "60").stdout == "sk-tn-2\n"
    assert control.asked[-1].json() == {"key_id": "k-1", "grace_s": 60.0}


def test_what_control_refuses_is_told(run: Run, control: FakeHttp) -> None:
    message = "unknown field 'max_bugdet'; did you mean 'max_budget'?"
    control.answers["POST /key/generate"] = json_answer({"error": {"message": message}}, 400)
    told = run("keys", "generate", "max_bugdet=1")
    assert (told.exit_code, message in told.stderr) == (2, True)


def test_a_router_that_does_not_follow_is_a_failure(run: Run, control: FakeHttp) -> None:
    control.answers["POST /key/block"] = json_answer({**KEY, "reach": {**REACH, "late": ["r3"]}})
    told = run("keys", "block", "k-1")
    assert (told.exit_code, "r3" in told.stderr) == (1, True)


@pytest.mark.parametrize("words", [["max_budget"], ["=1"], ["a=1", "a=2"]])
def test_what_is_no_assignment_is_refused(words: list[str]) -> None:
    with pytest.raises(Refusal):
        read_assignments(words)
