"""Refuses to start where Ray's dashboard answers strangers: whoever reaches it without a token runs code on every node."""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

import httpx
from ray.dashboard.utils import ray_address_to_api_server_url

from turnout.serve.config.environment import AUTH_MODE
from turnout.serve.config.loopback import is_loopback
from turnout.serve.config.secret import ConfigError

TIMEOUT_S = 5.0
QUESTION = "/api/serve/applications/"
_log = logging.getLogger("ray.serve")

Ask = Callable[[str], Awaitable[int | None]]


async def refuse_exposed_dashboard(
    gcs_address: str, environ: Mapping[str, str] = os.environ, ask: Ask | None = None
) -> None:
    """
    Look at the dashboard of the cluster that this process is part of.

    Args:
        gcs_address: Ray's own address.
        environ: of this process, which has it from the node's Ray.
        ask: status of a request without a token, or None if nothing answers.

    Raises:
        ConfigError: it answers others than this machine, and doesn't ask for a token.
    """
    try:
        async with asyncio.timeout(TIMEOUT_S):
            url = await asyncio.to_thread(ray_address_to_api_server_url, gcs_address)
    except (TimeoutError, ValueError, ConnectionError) as error:
        _log.warning("no dashboard found, so none is checked: %s", type(error).__name__)
        return
    has_token_mode = environ.get(AUTH_MODE, "").lower() == "token"
    if not has_token_mode:
        _log.warning("Ray's own ports answer anybody who reaches them; start it with %s=token", AUTH_MODE)
    if not is_loopback(urlsplit(url).hostname or ""):
        status = await (ask or ask_without_token)(url)
        if is_exposed(status, has_token_mode=has_token_mode):
            raise ConfigError(
                f"Ray's dashboard at {url} answers without a token: whoever reaches it can run code on every node;"
                f" start Ray with {AUTH_MODE}=token, or with --dashboard-host 127.0.0.1"
            )


def is_exposed(status: int | None, *, has_token_mode: bool) -> bool:
    """Whether a dashboard that others can reach lets them in: what it does counts; only if it doesn't answer, what it should do."""
    return not has_token_mode if status is None else status not in (401, 403)


async def ask_without_token(url: str) -> int | None:
    """The status of a harmless question, or None if nothing answers."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False) as client:
            return (await client.get(url + QUESTION)).status_code
    except httpx.HTTPError:
        return None
