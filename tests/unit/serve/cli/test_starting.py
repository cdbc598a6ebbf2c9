"""Bringing a cluster up and down, with a stand-in for `serve run`, Ray's dashboard and the route."""

import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType

import pytest

from tests.fakes_http import Answer, Asked, FakeHttp, json_answer
from tests.unit.serve.cli.clusters import write_cluster, write_serve_run
from turnout.serve.cli.http import new_client
from turnout.serve.cli.interrupts import Interrupts
from turnout.serve.cli.outline import get_outline
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.running import place_of
from turnout.serve.cli.starting import Launch
from turnout.serve.cli.stopping import Clockwork

APPLICATIONS = "/api/serve/applications/"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@dataclass
class FakeRay:
    """
    Ray's dashboard: applications come up while it's asked about them, then the route answers; they leave when they're no longer deployed.

    Attributes:
        port: where the route will answer.
        statuses: of applications, and their messages; set it to see a start fail.
        drains: how many times a removed router is still listed.
    """

    port: int = field(default_factory=_free_port)
    statuses: dict[str, tuple[str, str]] = field(default_factory=dict)
    drains: int = 0
    http: FakeHttp = field(default_factory=FakeHttp)
    _route: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def __enter__(self) -> "FakeRay":
        self.http.answers = {f"GET {APPLICATIONS}": self._list, f"PUT {APPLICATIONS}": self._deploy}
        self._route.enter_context(self.http)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._route.close()

    @property
    def deployed(self) -> list[list[str]]:
        """The applications of each PUT."""
        return [
            [app["name"] for app in asked.json()["applications"]] for asked in self.http.asked if asked.method == "PUT"
        ]

    def _list(self, asked: Asked) -> Answer:
        listed = dict(self.statuses)
        if not self.statuses:
            self.statuses = dict.fromkeys(("pool", "control", "router"), ("RUNNING", ""))
            self._route.enter_context(FakeHttp(self.port, {"GET /health/ready": (200, {}, b"{}")}))
        if self.deployed and "router" not in listed and self.drains:
            self.drains -= 1
            listed["router"] = ("DELETING", "")
        apps = {
            name: {"status": status, "message": message, "deployed_app_config": {"name": name}}
            for name, (status, message) in listed.items()
        }
        return json_answer({"applications": apps, "proxy_location": "Disabled"})

    def _deploy(self, asked: Asked) -> Answer:
        names = {application["name"] for application in asked.json()["applications"]}
        self.statuses = {name: status for name, status in self.statuses.items() if name in names}
        return json_answer({})


@dataclass
class Bench:
    """Everything a test of a start needs."""

    ray: FakeRay
    launch: Launch
    interrupts: Interrupts
    press: list[Callable[[], bool]]
    """Ctrl-C is pressed whenever one of these is true, between two looks at the cluster."""


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    press: list[Callable[[], bool]] = []

    def sleep(seconds: float) -> None:
        if any(is_time() for is_time in press):
            signal.raise_signal(signal.SIGINT)
        time.sleep(min(seconds, 0.01))

    with FakeRay() as ray, Interrupts() as interrupts, new_client() as client:
        outline = get_outline(write_cluster(tmp_path, port=ray.port), {})
        place = place_of(tmp_path, outline.file)
        with place.hold() as lock:
            command = [sys.executable, str(write_serve_run(tmp_path)), ray.http.url]
            clock = Clockwork(time.monotonic, sleep, lambda: interrupts.count)
            launch = Launch(
                outline=outline, place=place, command=command, environ={}, lock=lock, client=client, clock=clock
            )
            yield Bench(ray, launch, interrupts, press)


def test_a_cluster_comes_up_and_is_written_down(bench: Bench) -> None:
    cluster = bench.launch.start(30)
    record = bench.launch.place.read()
    assert record is not None
    assert record.dashboard == bench.ray.http.url
    assert cluster.stop()


def test_ctrl_c_lets_the_router_go_before_the_rest(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    bench.ray.drains = 3
    cluster = bench.launch.start(30)
    signal.raise_signal(signal.SIGINT)
    cluster.stay()
    assert bench.ray.deployed == [["pool", "control"]]
    assert bench.ray.drains == 0
    assert "Got KeyboardInterrupt" in bench.launch.place.log.read_text()
    told = capfd.readouterr().err
    assert "draining" in told
    assert told.rstrip().endswith("cluster: stopped")


def test_a_second_ctrl_c_cuts(bench: Bench) -> None:
    bench.ray.drains = 10**9
    cluster = bench.launch.start(30)
    bench.press.append(lambda: True)
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(Refusal, match="cut") as refused:
        cluster.stay()
    assert refused.value.code == ExitCode.INTERRUPTED
    assert bench.ray.drains > 0


def test_ctrl_c_before_it_is_up_stops_the_start(bench: Bench) -> None:
    bench.ray.statuses = {"pool": ("DEPLOYING", "")}
    bench.press.append(lambda: bool(bench.ray.http.asked) and not bench.interrupts.count)
    with pytest.raises(Refusal) as refused:
        bench.launch.start(30)
    assert refused.value.code == ExitCode.INTERRUPTED
    assert "Got KeyboardInterrupt" in bench.launch.place.log.read_text()


def test_an_application_that_fails_is_named_with_its_cause_and_all_is_stopped(bench: Bench) -> None:
    bench.ray.statuses = {"pool": ("DEPLOY_FAILED", "Traceback:\nValueError: no such model\n")}
    with pytest.raises(Refusal, match="'pool' can't start: no such model") as refused:
        bench.launch.start(30)
    assert refused.value.code == ExitCode.FAILED
    assert str(bench.launch.place.log) in refused.value.hint
    assert "Got KeyboardInterrupt" in bench.launch.place.log.read_text()


def test_a_serve_run_that_ends_is_explained_by_the_end_of_its_log(bench: Bench) -> None:
    launch = replace(bench.launch, command=[sys.executable, "-c", "raise OSError('Address already in use')"])
    with pytest.raises(Refusal, match="taken by another program") as refused:
        launch.start(30)
    assert "| OSError: Address already in use" in str(refused.value)


def test_a_start_that_takes_too_long_is_given_up(bench: Bench) -> None:
    bench.ray.statuses = {"pool": ("DEPLOYING", "")}
    with pytest.raises(Refusal, match="doesn't answer yet"):
        bench.launch.start(0.0)


def test_another_programs_port_is_not_taken_for_ours(bench: Bench) -> None:
    with FakeHttp(bench.ray.port), pytest.raises(Refusal, match="something listens"):
        bench.launch.start(30)


def test_a_cluster_that_dies_is_not_a_stop(bench: Bench) -> None:
    cluster = bench.launch.start(30)
    record = bench.launch.place.read()
    assert record is not None
    os.kill(record.serve_pid, signal.SIGKILL)
    with pytest.raises(Refusal, match="ended by itself"):
        cluster.stay()


def test_down_from_another_terminal_is_a_stop(bench: Bench, capfd: pytest.CaptureFixture[str]) -> None:
    cluster = bench.launch.start(30)
    record = bench.launch.place.read()
    assert record is not None
    os.kill(record.serve_pid, signal.SIGINT)
    cluster.stay()
    assert "stopped" in capfd.readouterr().out
