"""What the store in a SQLite file promises beside the contract of all."""

import sqlite3
from pathlib import Path

import pytest

from turnout.serve.config.secret import ConfigError
from turnout.serve.control.sqlite import MIGRATIONS, SqliteStore


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sqlite"


async def test_every_acknowledged_commit_waits_for_the_disk(path: Path) -> None:
    store = SqliteStore.open(path)
    mode = await store.committer.read(
        lambda connection: (
            connection.execute("PRAGMA journal_mode").fetchone()[0],
            connection.execute("PRAGMA synchronous").fetchone()[0],
        )
    )
    assert mode == ("wal", 2)
    await store.close()


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    await SqliteStore.open(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(ConfigError, match="newer Turnout"):
        SqliteStore.open(path)


async def test_another_programs_database_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ConfigError, match="another program"):
        SqliteStore.open(path)


async def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is a text, and longer than a header of a database would be" * 20)
    with pytest.raises(ConfigError, match="can't be used"):
        SqliteStore.open(path)
