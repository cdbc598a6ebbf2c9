"""Where the command line keeps what it must find again."""

from collections.abc import Mapping
from pathlib import Path


def turnout_home(environ: Mapping[str, str]) -> Path:
    """The folder `$TURNOUT_HOME`, else `~/.turnout`."""
    return Path(environ.get("TURNOUT_HOME") or "~/.turnout").expanduser()
