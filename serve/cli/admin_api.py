"""Control's admin API, as the machine that runs Control sees it: loopback, with the key from its state folder."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from turnout.serve.cli.outline import Outline
from turnout.serve.cli.refusal import Refusal
from turnout.serve.config.secret import ConfigError, Secrets


class AdminApi:
    """Asks and tells one cluster's Control."""

    def __init__(self, outline: Outline, client: httpx.Client, environ: Mapping[str, str]) -> None:
        self._outline = outline
        self._client = client
        self._secrets = Secrets(environ, "this machine")

    def get(self, path: str) -> Any:
        """
        The JSON answer to `GET /admin/…`.

        Raises:
            Refusal: Control isn't there, or refuses.
        """
        return self._send("GET", path, None)

    def post(self, path: str, body: object) -> Any:
        """
        The JSON answer to `POST /admin/…`.

        Raises:
            Refusal: as `get`.
        """
        return self._send("POST", path, body)

    def try_count_in_flight(self) -> int | None:
        """Requests in flight at all routers, or None if Control can't say."""
        try:
            return sum(router["in_flight"] for router in self.get("/admin/status")["routers"])
        except (Refusal, KeyError, TypeError):
            return None

    def _send(self, method: str, path: str, body: object) -> Any:
        try:
            key = self._secrets.read(self._outline.admin_key)
        except ConfigError as error:
            raise Refusal(
                f"no admin key: {error}",
                f"is {self._outline.file.name} up on this machine? Control makes the key on its first start",
            ) from error
        url = self._outline.admin_url + path
        try:
            answer = self._client.request(
                method, url, json=body, headers={"authorization": f"Bearer {key}"}, timeout=10.0
            )
        except httpx.TransportError as error:
            raise Refusal(
                f"Control doesn't answer at {self._outline.admin_url}: {error}",
                f"`turnout up {self._outline.file.name}` starts it",
            ) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            raise Refusal(
                f"Control at {self._outline.admin_url} refuses the key in {self._outline.admin_key}",
                "is another cluster on that port?",
            )
        if not answer.is_success:
            raise Refusal(f"Control answers {answer.status_code}: {_read_message(answer)}")
        return msgspec.json.decode(answer.content) if answer.content else None


def _read_message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text.strip()[:500]
