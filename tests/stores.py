"""Stores of Control for tests: a file, and a database on a real PostgreSQL server, where one runs on this machine."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import asyncpg
import pytest

from turnout.serve.control.postgres.server import PostgresServer
from turnout.serve.control.postgres.store import PostgresStore
from turnout.serve.control.sql_store import SqlStore
from turnout.serve.control.sqlite import SqliteStore

SERVER = os.environ.get("TURNOUT_TEST_POSTGRES", "postgresql://postgres@127.0.0.1:5432")

END_OTHERS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


class Place(Protocol):
    """Where a store is kept; what one has written, the next one that's opened there has."""

    async def open(self, linger_s: float = 0.0) -> SqlStore: ...


class SqlitePlace:
    def __init__(self, path: Path) -> None:
        self.path = path

    async def open(self, linger_s: float = 0.0) -> SqlStore:
        return SqliteStore.open(self.path, linger_s)


class PostgresPlace:
    def __init__(self, url: str) -> None:
        self.url = url
        self.server = PostgresServer(url, "a test")

    async def open(self, linger_s: float = 0.0) -> SqlStore:
        return await PostgresStore.open(self.server, secrets.token_bytes(8), linger_s)

    async def run(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """On a connection of its own."""
        return await run_on_server(self.url, sql, *values)


async def run_on_server(url: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(url, timeout=5)
    try:
        return [tuple(row) for row in await connection.fetch(sql, *values)]
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A database of these tests' own."""
    name = f"turnout_test_{secrets.token_hex(6)}"
    try:
        asyncio.run(run_on_server(f"{SERVER}/postgres", f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))
    except OSError:
        pytest.skip(f"no PostgreSQL at {SERVER}")
    yield f"{SERVER}/{name}"
    asyncio.run(run_on_server(f"{SERVER}/postgres", f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
async def postgres(postgres_url: str) -> PostgresPlace:
    """The database, empty."""
    place = PostgresPlace(postgres_url)
    await place.run(END_OTHERS)  # of a test that failed
    await place.run("DROP SCHEMA public CASCADE")
    await place.run("CREATE SCHEMA public")
    return place


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Each kind of place, empty."""
    if request.param == "sqlite":
        return SqlitePlace(tmp_path / "control.sqlite")
    made: PostgresPlace = request.getfixturevalue("postgres")
    return made
