"""Which store the settings open."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.stores import PostgresPlace
from turnout.models.ledger import AuditEvent, Journal
from turnout.serve.config.secret import ConfigError, Secrets
from turnout.serve.config.store import StoreSettings
from turnout.serve.control.opening import find_database, open_store

SERVER = StoreSettings(kind="postgres", url="env:URL")


async def test_a_file_in_the_folder_is_the_default(tmp_path: Path) -> None:
    store = await open_store(StoreSettings(), tmp_path, Secrets({}, "n1"), b"w")
    await store.close()
    assert [path.name for path in tmp_path.iterdir()] == ["control.sqlite"]


async def test_a_server_is_written_and_read(postgres: PostgresPlace, tmp_path: Path) -> None:
    secrets = Secrets({"URL": postgres.url}, "n1")
    store = await open_store(SERVER, tmp_path, secrets, b"w")
    await store.append(Journal((), (AuditEvent(1, "a", "b", "c", "{}"),)))
    database = find_database(SERVER, tmp_path, secrets)
    count = await asyncio.to_thread(
        database.scan, lambda connection: connection.execute("SELECT count(*) FROM audit").fetchone()
    )
    assert count == (1,)
    assert list(tmp_path.iterdir()) == []
    await store.close()


async def test_without_the_extra_it_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "turnout.serve.control.postgres.server", raising=False)
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(ConfigError, match=r"turnout\[postgres\].*on node n1"):
        await open_store(SERVER, tmp_path, Secrets({"URL": "postgresql://h/d"}, "n1"), b"w")
