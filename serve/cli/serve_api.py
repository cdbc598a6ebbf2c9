"""Serve's applications through Ray's documented REST API: what state they are in, and what they should be."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import msgspec

from turnout.serve.cli.refusal import Refusal

APPLICATIONS = "/api/serve/applications/"


class Replica(msgspec.Struct, frozen=True):
    """A replica as Serve sees it; `state` is STARTING, RUNNING, STOPPING and the like."""

    state: str


class Deployment(msgspec.Struct, frozen=True):
    """A deployment as Serve sees it."""

    status: str
    message: str = ""
    target_num_replicas: int = 0
    replicas: list[Replica] = []


class Application(msgspec.Struct, frozen=True):
    """
    An application as Serve sees it.

    Attributes:
        status: NOT_STARTED, DEPLOYING, RUNNING, DEPLOY_FAILED, UNHEALTHY, DELETING.
        message: why, when it isn't well; may hold a traceback.
        deployments: by name.
        deployed_app_config: its part of the file that was deployed last.
    """

    status: str
    message: str = ""
    deployments: dict[str, Deployment] = {}
    deployed_app_config: dict[str, Any] | None = None

    @property
    def running(self) -> int:
        """Replicas that run."""
        return sum(
            replica.state == "RUNNING" for deployment in self.deployments.values() for replica in deployment.replicas
        )

    @property
    def wanted(self) -> int:
        """Replicas there should be."""
        return sum(deployment.target_num_replicas for deployment in self.deployments.values())


class Details(msgspec.Struct, frozen=True):
    """Everything that Serve runs in a cluster."""

    applications: dict[str, Application] = {}
    proxy_location: str | None = None


class ServeApi:
    """The applications of one Ray cluster, at its dashboard's address."""

    def __init__(self, url: str, token: str | None, client: httpx.Client) -> None:
        self.url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = client

    def try_read(self) -> Details | None:
        """What Serve runs, or None while the dashboard doesn't answer."""
        try:
            answer = self._client.get(self.url + APPLICATIONS, headers=self._headers)
        except httpx.TransportError:
            return None
        if answer.status_code != httpx.codes.OK:
            return None
        return msgspec.json.decode(answer.content, type=Details)

    def read(self) -> Details:
        """
        What Serve runs.

        Raises:
            Refusal: the dashboard doesn't answer, or not us.
        """
        return msgspec.json.decode(self._send("GET").content, type=Details)

    def deploy(self, config: Mapping[str, Any]) -> None:
        """
        Make Serve run exactly the applications of `config`; those that didn't change are left alone.

        Raises:
            Refusal: the dashboard doesn't answer, or Serve refuses the config.
        """
        self._send("PUT", dict(config))

    def remove(self, name: str) -> None:
        """
        Stop one application gracefully and leave the others as they are.

        Raises:
            Refusal: as `deploy`.
        """
        details = self.read()
        kept = [
            app.deployed_app_config
            for other, app in details.applications.items()
            if other != name and app.deployed_app_config
        ]
        self.deploy({"proxy_location": details.proxy_location or "Disabled", "applications": kept})

    def _send(self, method: str, config: dict[str, Any] | None = None) -> httpx.Response:
        try:
            answer = self._client.request(
                method, self.url + APPLICATIONS, headers=self._headers, json=config, timeout=30.0
            )
        except httpx.TransportError as error:
            raise Refusal(
                f"Ray's dashboard at {self.url} doesn't answer: {error}",
                "is the cluster running? RAY_DASHBOARD_ADDRESS names another one",
            ) from error
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise Refusal(
                f"Ray's dashboard at {self.url} refuses our token",
                "RAY_AUTH_TOKEN_PATH names the token's file; unless set it is ~/.ray/auth_token",
            )
        if answer.status_code != httpx.codes.OK:
            raise Refusal(f"Ray Serve answers {answer.status_code}: {answer.text.strip()[-2000:]}")
        return answer


def find_token(environ: Mapping[str, str], home: Path) -> str | None:
    """
    The token that Ray's clients send, or None where there is none.

    Source: Ray's own order is RAY_AUTH_TOKEN, RAY_AUTH_TOKEN_PATH, ~/.ray/auth_token (docs.ray.io, "Token authentication").
    """
    if environ.get("RAY_AUTH_MODE", "token").lower() != "token":
        return None
    if token := environ.get("RAY_AUTH_TOKEN", "").strip():
        return token
    path = Path(environ.get("RAY_AUTH_TOKEN_PATH") or home / ".ray" / "auth_token")
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except OSError:
        return None
