"""Where Control keeps what it must not lose."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from turnout.serve.config.fields import SecretRef, Settings
from turnout.serve.config.secret import ConfigError


class StoreSettings(Settings):
    """
    Where Control keeps ledger, budgets, keys, audit log and settings.

    Attributes:
        kind: `sqlite`, a file in `state_dir`, or `postgres`, a database of its own on a server (`pip install 'turnout[postgres]'`).
        url: where a URL such as `postgresql://USER:PASSWORD@HOST:5432/DATABASE` is, for `postgres`; libpq's options such as `sslmode` after `?`.
    """

    kind: Literal["sqlite", "postgres"] = "sqlite"
    url: SecretRef | None = None

    @model_validator(mode="after")
    def _check_url(self) -> Self:
        if self.kind == "postgres" and self.url is None:
            raise ValueError("postgres needs url, such as env:TURNOUT_DATABASE_URL")
        if self.kind == "sqlite" and self.url is not None:
            raise ValueError("sqlite keeps its file in state_dir and has no url; say kind: postgres")
        return self


def write_place(url: str) -> str:
    """
    `the store 'DATABASE' at HOST:PORT`, for people.

    Raises:
        ConfigError: it's no URL of PostgreSQL with host and database. It isn't repeated, since it may hold a password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 5432
    except ValueError:
        host, port, parts = None, 0, urlsplit("")
    if parts.scheme not in ("postgresql", "postgres") or not host or not parts.path.strip("/"):
        raise ConfigError("the store's URL isn't postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    return f"the store {parts.path.strip('/')!r} at {host}:{port}"
