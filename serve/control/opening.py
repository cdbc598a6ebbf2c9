"""Opens the kind of store that the settings ask for."""

import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from turnout.serve.config.secret import Secrets
from turnout.serve.config.store import StoreSettings
from turnout.serve.control.database import Database
from turnout.serve.control.sql_store import SqlStore
from turnout.serve.control.sqlite import SqliteFile, SqliteStore
from turnout.serve.control.state_dir import STORE_FILE

if TYPE_CHECKING:
    from turnout.serve.control.postgres.server import PostgresServer


async def open_store(settings: StoreSettings, folder: Path, secrets: Secrets, writer: bytes) -> SqlStore:
    """
    The store, with this version's schema, and nobody else writing to it.

    Args:
        folder: Control's `state_dir`, which is locked.
        writer: random bytes, unlike those of any other Control.

    Raises:
        ConfigError: it can't be opened; the text says why and names no secret.
    """
    if settings.url is None:
        return SqliteStore.open(folder / STORE_FILE)
    server = _find_server(settings.url, secrets)
    from turnout.serve.control.postgres.store import PostgresStore  # noqa: PLC0415  see below

    return await PostgresStore.open(server, writer)


def find_database(settings: StoreSettings, folder: Path, secrets: Secrets) -> Database:
    """The same database for reading only, whoever writes to it. Raises ConfigError as `open_store` does."""
    return SqliteFile(folder / STORE_FILE) if settings.url is None else _find_server(settings.url, secrets)


def _find_server(reference: str, secrets: Secrets) -> "PostgresServer":
    url = secrets.read_line(reference)
    try:
        from turnout.serve.control.postgres.server import PostgresServer  # noqa: PLC0415  only the extra has what it needs
    except ImportError:
        raise secrets.refuse(
            "args.store of kind postgres needs SQLAlchemy, asyncpg and Alembic (pip install 'turnout[postgres]')"
        ) from None
    return PostgresServer(url, f"turnout on {socket.gethostname()}, process {os.getpid()}")
