"""Brings a cluster up and watches it: from `serve run` to a route that answers, then until it's told to stop."""

import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from turnout.serve.cli import serve_run
from turnout.serve.cli.admin_api import AdminApi
from turnout.serve.cli.causes import explain, last_line
from turnout.serve.cli.outline import Outline
from turnout.serve.cli.refusal import ExitCode, Refusal
from turnout.serve.cli.running import Place, Record
from turnout.serve.cli.screen import Progress, say
from turnout.serve.cli.serve_api import Application, ServeApi, find_token
from turnout.serve.cli.serve_run import ServeRun
from turnout.serve.cli.stages import describe_start, find_failure
from turnout.serve.cli.stopping import Clockwork, Drain, stop


@dataclass(frozen=True, slots=True)
class Launch:
    """
    Everything that a start needs.

    Attributes:
        outline: what is started.
        place: where it can be found again.
        command: `serve run FILE`.
        environ: of that command.
        lock: descriptor of the held lock.
        client: for Ray's REST API, the route and Control.
        clock: time and ctrl-C.
    """

    outline: Outline
    place: Place
    command: Sequence[str]
    environ: Mapping[str, str]
    lock: int
    client: httpx.Client
    clock: Clockwork

    def start(self, wait_s: float) -> "Cluster":
        """
        Start it and wait until the route answers.

        Raises:
            Refusal: it didn't come up in `wait_s` seconds, or at all; it was stopped again, and the text says why.
        """
        self._check_port()
        process = serve_run.start(self.command, self.environ, self.place.log, self.lock)
        cluster = Cluster(self, process)
        cluster.remember()
        problem = cluster.wait_until_ready(wait_s)
        if problem is None:
            return cluster
        cluster.stop(
            drains=False
        )  # nobody was told the address, and an application that never started can't be waited for
        raise problem

    def _check_port(self) -> None:
        """Another program's answer must not be taken for ours."""
        url = httpx.URL(self.outline.url)
        try:
            socket.create_connection((url.host, url.port or 443), timeout=1.0).close()
        except OSError:
            return
        raise Refusal(
            f"something listens at {self.outline.url} already",
            f"another cluster? change the router's port in {self.outline.file.name}",
        )


class Cluster:
    """A cluster that this process started: owns the `serve run` that holds it."""

    def __init__(self, launch: Launch, process: ServeRun) -> None:
        self._launch = launch
        self._process = process
        self._api: ServeApi | None = None

    def __repr__(self) -> str:
        return f"Cluster({self._launch.outline.file}, {self._process!r})"

    def remember(self) -> None:
        """Write down where the cluster is, for `turnout down` and the others."""
        dashboard = self._api.url if self._api else ""
        self._launch.place.write(Record(str(self._launch.outline.file), self._process.pid, dashboard, time.time()))

    def wait_until_ready(self, wait_s: float) -> Refusal | None:
        """Show the progress until the route answers (None), or until it won't: why."""
        launch, began_at = self._launch, self._launch.clock.now()
        expected = (*launch.outline.pools, "control", launch.outline.router)
        with Progress() as progress:
            while True:
                applications = self._read_applications()
                is_ready = self._is_ready(applications)
                elapsed_s = launch.clock.now() - began_at
                rows = describe_start(
                    expected, applications, has_ray=self._api is not None, is_ready=is_ready, url=launch.outline.url
                )
                progress.show(rows, elapsed_s)
                if is_ready:
                    return None
                if launch.clock.interrupts():
                    return Refusal("stopped before it was up", "", ExitCode.INTERRUPTED)
                if problem := self._find_problem(applications, elapsed_s >= wait_s):
                    return problem
                launch.clock.sleep(0.5)

    def stay(self) -> None:
        """
        Wait until somebody stops the cluster.

        Raises:
            Refusal: it ended by itself, or what was in flight was cut.
        """
        while self._process.is_alive():
            if self._launch.clock.interrupts():
                if not self.stop():
                    raise Refusal("requests in flight were cut", "", ExitCode.INTERRUPTED)
                return
            self._launch.clock.sleep(0.1)
        if "Got KeyboardInterrupt" in serve_run.read_log(
            self._launch.place.log, 64 * 1024
        ):  # somebody else's `turnout down`
            say("stopped")
            return
        raise self._explain_end("the cluster ended by itself")

    def stop(self, *, drains: bool = True) -> bool:
        """End the cluster, after letting requests finish if it `drains`; False if they were cut."""
        admin = AdminApi(self._launch.outline, self._launch.client, self._launch.environ)
        drain = Drain(
            self._api if drains else None,
            self._launch.outline.router,
            self._launch.outline.drain_s,
            admin.try_count_in_flight,
        )
        with Progress() as progress:
            return stop(self._process, drain, self._launch.clock, progress)

    def _read_applications(self) -> Mapping[str, Application] | None:
        if self._api is None:
            dashboard = self._process.find_dashboard()
            if dashboard is None:
                return None
            self._api = ServeApi(dashboard, find_token(self._launch.environ, Path.home()), self._launch.client)
            self.remember()
        details = self._api.try_read()
        return details.applications if details else None

    def _is_ready(self, applications: Mapping[str, Application] | None) -> bool:
        if any(application.status != "RUNNING" for application in (applications or {}).values()):
            return False
        try:
            return self._launch.client.get(f"{self._launch.outline.url}/health/ready").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def _find_problem(self, applications: Mapping[str, Application] | None, is_late: bool) -> Refusal | None:
        if not self._process.is_alive():
            return self._explain_end("`serve run` ended")
        if failed := find_failure(applications or {}):
            name, message = failed
            return Refusal(
                f"the application {name!r} can't start: {explain(message) or last_line(message)}",
                f"all of it: {self._launch.place.log}",
            )
        if is_late:
            return Refusal(
                "the route doesn't answer yet", f"more time: --wait-s; what it's doing: {self._launch.place.log}"
            )
        return None

    def _explain_end(self, what: str) -> Refusal:
        end = serve_run.read_log(self._launch.place.log, 16 * 1024).strip()
        lines = "\n".join(f"  | {line}" for line in end.splitlines()[-15:])
        return Refusal(
            f"{what}: {explain(end) or last_line(end) or 'it said nothing'}\n{lines}",
            f"all of it: {self._launch.place.log}",
        )
