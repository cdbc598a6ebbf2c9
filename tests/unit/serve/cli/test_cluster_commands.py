"""The commands about a cluster that runs: status, targets, apply, down; with a stand-in for Control and Ray's dashboard."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.fakes_http import Answer, Asked, FakeHttp, json_answer
from tests.unit.serve.cli.clusters import write_cluster, write_serve_run
from turnout.serve.cli.main import app
from turnout.serve.cli.outline import get_outline
from turnout.serve.cli.running import Place, Record, place_of

RUNNER = CliRunner()
APPLICATIONS = "/api/serve/applications/"
KEY = "the-admin-key"


@dataclass
class FakeCluster:
    """
    Control and Ray's dashboard, of a cluster whose file is `file`.

    Attributes:
        env: environment in which commands find it.
        rejected: what the router says of a new config.
    """

    file: Path
    place: Place
    control: FakeHttp
    dashboard: FakeHttp
    env: dict[str, str | None]
    rejected: str | None = None
    drained: bool = False
    weight: float = 1.0
    late: bool = False
    in_flight: int = 2
    config: str = "before"
    is_deployed: bool = False
    stale_rejections: int = 0
    """After so many looks at its status the router has taken the new settings, which it refused before."""

    def run(self, *words: str) -> Any:
        return RUNNER.invoke(app, list(words), env=self.env)

    def serve(self) -> None:
        self.control.answers |= {
            "GET /admin/status": self._status,
            "GET /admin/targets": self._targets,
            "PUT /admin/targets/small-local": self._change,
            "POST /admin/config/reset": lambda asked: json_answer(self._reach()),
        }
        app = {
            "status": "RUNNING",
            "deployments": {"D": {"status": "HEALTHY", "target_num_replicas": 1, "replicas": [{"state": "RUNNING"}]}},
        }
        self.dashboard.answers |= {
            f"GET {APPLICATIONS}": json_answer({"applications": {"router": app, "pool": app}}),
            f"PUT {APPLICATIONS}": self._deploy,
        }

    def _status(self, asked: Asked) -> Answer:
        if asked.headers.get("authorization") != f"Bearer {KEY}":
            return json_answer({"error": {"message": "no"}}, 401)
        if self.stale_rejections and self.is_deployed:
            self.stale_rejections -= 1
            if not self.stale_rejections:
                self.rejected, self.config = None, get_outline(self.file, {}).fingerprint
        router = {
            "router": "r1", "node": "n" * 20, "lease_s": 0.5, "overlay_version": 3, "config": self.config,
            "rejected": self.rejected, "in_flight": self.in_flight, "targets": [],
        }  # fmt: skip
        return json_answer(
            {
                "version": "0.1",
                "config": {"fingerprint": self.config, "accepted_at_ns": 1},
                "overlay": self._overlay(),
                "routers": [router],
            }
        )

    def _targets(self, asked: Asked) -> Answer:
        seen = {"name": "small-local", "state": "ready", "endpoints": 1, "in_flight": self.in_flight, "waiting": 0}
        self.in_flight = max(0, self.in_flight - 1)
        target = {
            "name": "small-local", "models": ["small"], "pool": "pool", "provider": None, "weight": self.weight, "file_weight": 1.0,
            "drained": self.drained, "routers": {"r1": seen},
        }  # fmt: skip
        return json_answer([target])

    def _change(self, asked: Asked) -> Answer:
        change = asked.json()
        self.drained = change.get("drained", self.drained)
        self.weight = change.get("weight", self.weight)
        return json_answer(self._reach())

    def _deploy(self, asked: Asked) -> Answer:
        self.is_deployed = True
        if self.rejected is None:
            self.config = get_outline(self.file, {}).fingerprint
        return json_answer({})

    def _overlay(self) -> dict[str, Any]:
        return {"version": 3, "weights": {}, "drained": ["small-local"] if self.drained else []}

    def _reach(self) -> dict[str, Any]:
        return {
            "overlay": self._overlay(),
            "acknowledged": [] if self.late else ["r1"],
            "lease_ended": [],
            "late": ["r1"] if self.late else [],
        }


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[FakeCluster]:
    with FakeHttp() as control, FakeHttp() as dashboard:
        file = write_cluster(tmp_path, admin_port=control.port)
        (tmp_path / "state").mkdir()
        (tmp_path / "state" / "admin.key").write_text(KEY)
        place = place_of(tmp_path / "home", file)
        env = {"TURNOUT_HOME": str(tmp_path / "home"), "RAY_DASHBOARD_ADDRESS": None}
        with place.hold():
            place.write(Record(str(file), 1, dashboard.url, 0.0))
            fake = FakeCluster(file, place, control, dashboard, env)
            fake.serve()
            yield fake


def test_status_shows_routers_targets_applications_and_what_was_refused(cluster: FakeCluster) -> None:
    cluster.rejected = "no secret on node n1"
    cluster.drained = True
    told = cluster.run("status")
    assert told.exit_code == 0
    for part in (
        "before+3",
        "small-local",
        "drained",
        "pool pool",
        "1 of 1",
        "refused the newest config",
        "no secret on node n1",
    ):
        assert part in told.stdout


def test_status_as_json_can_be_read_by_programs(cluster: FakeCluster) -> None:
    told = json.loads(cluster.run("status", str(cluster.file), "--json").stdout)
    assert told["targets"][0]["name"] == "small-local"
    assert told["control"]["routers"][0]["in_flight"] == 2


def test_status_of_a_cluster_that_is_gone_says_how_to_start_it(cluster: FakeCluster, tmp_path: Path) -> None:
    cluster.env["TURNOUT_HOME"] = str(tmp_path / "elsewhere")
    told = cluster.run("status")
    assert told.exit_code == 1
    assert "turnout up" in told.stderr


def test_another_clusters_key_is_told_apart_from_no_control(cluster: FakeCluster, tmp_path: Path) -> None:
    (tmp_path / "state" / "admin.key").write_text("another")
    assert "refuses the key" in cluster.run("status").stderr
    (tmp_path / "state" / "admin.key").unlink()
    assert "no admin key" in cluster.run("status").stderr


def test_a_target_is_drained_and_put_back(cluster: FakeCluster) -> None:
    told = cluster.run("targets", "drain", "small-local")
    assert (told.exit_code, told.stdout) == (0, "small-local is drained, at 1 router\n")
    assert cluster.drained
    assert cluster.run("targets", "undrain", "small-local").exit_code == 0
    assert not cluster.drained


def test_a_drain_can_wait_until_nothing_is_left(cluster: FakeCluster) -> None:
    told = cluster.run("targets", "drain", "small-local", "--wait")
    assert told.exit_code == 0
    assert "2 requests left" in told.stderr
    assert told.stderr.rstrip().endswith("empty")


def test_a_weight_is_set_and_given_back_to_the_file(cluster: FakeCluster) -> None:
    assert "has weight 0.5" in cluster.run("targets", "weight", "small-local", "0.5").stdout
    assert cluster.weight == 0.5
    assert "(file: 1)" in cluster.run("status").stdout
    assert cluster.run("targets", "weight", "small-local", "file").exit_code == 0
    assert cluster.control.asked[-1].json() == {"weight": None}
    assert cluster.run("targets", "weight", "small-local", "much").exit_code == 2


def test_routers_that_do_not_follow_are_a_failure(cluster: FakeCluster) -> None:
    cluster.late = True
    told = cluster.run("targets", "reset")
    assert told.exit_code == 1
    assert "r1" in told.stderr


def test_an_unknown_target_is_wrong_use_in_controls_own_words(cluster: FakeCluster) -> None:
    cluster.control.answers["PUT /admin/targets/smal"] = json_answer(
        {"error": {"message": "there is no target 'smal'; did you mean 'small-local'?"}}, 404
    )
    told = cluster.run("targets", "drain", "smal")
    assert told.exit_code == 2
    assert "did you mean 'small-local'?" in told.stderr


def test_apply_sends_the_file_and_waits_for_every_router(cluster: FakeCluster) -> None:
    told = cluster.run("apply", str(cluster.file), "--reset")
    assert told.exit_code == 0, told.output
    put = next(asked for asked in cluster.dashboard.asked if asked.method == "PUT")
    assert [application["name"] for application in put.json()["applications"]] == ["pool", "control", "router"]
    assert cluster.config in told.stdout
    assert cluster.control.asked[-1].path == "/admin/config/reset"


def test_apply_says_who_refused_and_why(cluster: FakeCluster) -> None:
    cluster.rejected = "the environment variable KEYS isn't set"
    told = cluster.run("apply", str(cluster.file))
    assert told.exit_code == 1
    assert "1 router refused it" in told.stderr
    assert "KEYS isn't set" in told.stderr


def test_what_a_router_refused_before_is_not_held_against_the_new_file(cluster: FakeCluster) -> None:
    cluster.stale_rejections, cluster.rejected = 4, "the file before was wrong"
    assert cluster.run("apply", str(cluster.file)).exit_code == 0


def test_apply_changes_nothing_where_the_file_is_wrong(cluster: FakeCluster) -> None:
    cluster.file.write_text(cluster.file.read_text().replace("drain_s", "drain_sec"))
    told = cluster.run("apply", str(cluster.file))
    assert told.exit_code == 2
    assert "did you mean 'drain_s'?" in told.stderr
    assert cluster.dashboard.asked == []


def test_serves_refusal_is_told(cluster: FakeCluster) -> None:
    cluster.dashboard.answers[f"PUT {APPLICATIONS}"] = (400, {}, b"ValidationError: no")
    assert "ValidationError: no" in cluster.run("apply", str(cluster.file)).stderr
    cluster.dashboard.answers[f"PUT {APPLICATIONS}"] = (401, {}, b"")
    assert "RAY_AUTH_TOKEN_PATH" in cluster.run("apply", str(cluster.file)).stderr


def test_down_drains_and_stops_what_up_started(tmp_path: Path) -> None:
    with FakeHttp() as dashboard:
        dashboard.answers |= {
            f"GET {APPLICATIONS}": json_answer({"applications": {}}),
            f"PUT {APPLICATIONS}": json_answer({}),
        }
        file = write_cluster(tmp_path)
        place = place_of(tmp_path / "home", file)
        with place.hold() as lock:
            command = [sys.executable, str(write_serve_run(tmp_path)), dashboard.url]
            child = subprocess.Popen(command, stdout=subprocess.PIPE, pass_fds=(lock,))
        assert child.stdout is not None
        child.stdout.readline()  # it has said where the dashboard is, so ctrl-C is handled
        place.write(Record(str(file), child.pid, dashboard.url, 0.0))
        told = RUNNER.invoke(app, ["down"], env={"TURNOUT_HOME": str(tmp_path / "home")})
        assert told.exit_code == 0, told.output
        assert child.wait(10) == 0
        assert b"Got KeyboardInterrupt" in child.stdout.read()
    assert "stopped" in told.stderr
    assert any(asked.method == "PUT" for asked in dashboard.asked)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_down_with_nothing_up_is_a_failure(tmp_path: Path) -> None:
    told = RUNNER.invoke(app, ["down"], env={"TURNOUT_HOME": str(tmp_path)})
    assert told.exit_code == 1
    assert "no cluster is up" in told.stderr
