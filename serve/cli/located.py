"""Finds the cluster that a command is about: the one that is up here, or that of a file however it was started."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from turnout.serve.cli.home import turnout_home
from turnout.serve.cli.outline import Outline, get_outline
from turnout.serve.cli.running import get_one, place_of
from turnout.serve.cli.serve_api import ServeApi, find_token

RAYS_OWN_DASHBOARD = "http://127.0.0.1:8265"


@dataclass(frozen=True, slots=True)
class Located:
    """
    A cluster and the ways to speak to it.

    Attributes:
        outline: what its file says.
        api: Serve's applications in its Ray cluster.
    """

    outline: Outline
    api: ServeApi


def locate(file: Path | None, environ: Mapping[str, str], client: httpx.Client) -> Located:
    """
    The cluster of `file`, or the only one that `turnout up` runs here.

    A file's cluster may have been started otherwise, too; Ray's dashboard is then at RAY_DASHBOARD_ADDRESS, else at Ray's own port.

    Raises:
        Refusal: no file and not exactly one cluster; or the file has errors.
    """
    home = turnout_home(environ)
    if file is None:
        record = get_one(home, None)[1]
        outline, dashboard = get_outline(Path(record.file), {}), record.dashboard
    else:
        place = place_of(home, file)
        found = place.read() if place.is_running() else None
        outline, dashboard = get_outline(file, environ), found.dashboard if found else ""
    address = environ.get("RAY_DASHBOARD_ADDRESS") or dashboard or RAYS_OWN_DASHBOARD
    return Located(outline, ServeApi(address, find_token(environ, Path.home()), client))
