"""What the store on a PostgreSQL server promises beside the contract of all."""

import asyncio
import re
import secrets
import sqlite3
from pathlib import Path

import asyncpg
import pytest

from tests.fakes import ledger_row
from tests.stores import END_OTHERS, PostgresPlace
from turnout.models.errors import NoTarget
from turnout.models.ledger import AuditEvent, Journal
from turnout.serve.config.secret import ConfigError
from turnout.serve.control.postgres.server import PostgresServer
from turnout.serve.control.postgres.session import LOCK, PostgresSession
from turnout.serve.control.postgres.store import PostgresStore
from turnout.serve.control.sqlite import MIGRATIONS, SqliteStore


async def test_both_databases_have_the_same_tables_and_columns(postgres: PostgresPlace, tmp_path: Path) -> None:
    await (await postgres.open()).close()
    await SqliteStore.open(tmp_path / "db").close()
    found = await postgres.run(
        "SELECT table_name, column_name, is_nullable = 'NO', data_type FROM information_schema.columns "
        "WHERE table_schema = 'public' AND table_name <> 'turnout_version'"
    )
    types = {"bigint": "INTEGER", "text": "TEXT", "bytea": "BLOB", "double precision": "REAL"}
    with sqlite3.connect(tmp_path / "db") as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = [
            (table, name, bool(not_null or key), kind)
            for table in tables
            if not table.startswith("sqlite_")
            for _, name, kind, not_null, _, key in db.execute(f"PRAGMA table_info({table})")
        ]
    assert sorted((*column, types[kind]) for *column, kind in found) == sorted(columns)


async def test_both_databases_have_the_same_keys_and_indexes(postgres: PostgresPlace, tmp_path: Path) -> None:
    await (await postgres.open()).close()
    await SqliteStore.open(tmp_path / "db").close()
    found = await postgres.run(
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'turnout_version'"
    )
    with sqlite3.connect(tmp_path / "db") as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        indexes = [
            (table, tuple(name for _, _, name in db.execute(f"PRAGMA index_info({index})")), bool(is_unique))
            for table in tables
            if not table.startswith("sqlite_")
            for _, index, is_unique, *_ in db.execute(f"PRAGMA index_list({table})")
        ]
        # A whole number that is the key is the row's own number in SQLite, and has no index beside the table.
        for table in tables:
            keys = [(name, kind) for _, name, kind, *_, key in db.execute(f"PRAGMA table_info({table})") if key]
            if [kind for _, kind in keys] == ["INTEGER"] and not table.startswith("sqlite_"):
                indexes.append((table, (keys[0][0],), True))
    made = [
        (table, tuple(re.search(r"\((.*)\)", text).group(1).split(", ")), "UNIQUE" in text) for table, text in found
    ]
    assert sorted(made) == sorted(indexes)


async def test_the_schema_version_is_that_of_a_file(postgres: PostgresPlace) -> None:
    await (await postgres.open()).close()
    assert await postgres.run("SELECT version_num FROM turnout_version") == [(str(len(MIGRATIONS)),)]


async def test_a_store_of_a_newer_version_is_refused_and_left_alone(postgres: PostgresPlace) -> None:
    await (await postgres.open()).close()
    await postgres.run("UPDATE turnout_version SET version_num = '99'")
    with pytest.raises(ConfigError, match=r"has schema version 99.*newer Turnout"):
        await postgres.open()
    assert await postgres.run("SELECT version_num FROM turnout_version") == [("99",)]


async def test_another_programs_database_is_refused(postgres: PostgresPlace) -> None:
    await postgres.run("CREATE TABLE theirs (x int)")
    with pytest.raises(ConfigError, match="another program"):
        await postgres.open()


async def test_a_second_control_is_refused_and_told_who_writes(postgres: PostgresPlace) -> None:
    first = await postgres.open()
    with pytest.raises(ConfigError, match=r"in use by another Control \(a test from 127\.0\.0\.1\)"):
        await postgres.open()
    await first.append(Journal((ledger_row("r1", 1),), ()))
    await first.close()
    await (await postgres.open()).close()


async def test_one_that_waits_for_the_end_of_another_takes_over(postgres: PostgresPlace) -> None:
    first = await postgres.open()
    second = asyncio.create_task(postgres.open())
    while not await postgres.run("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"):
        assert not second.done()
    await first.close()
    await (await second).close()


async def test_a_lost_connection_costs_one_call_and_is_opened_again(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    await store.append(Journal((ledger_row("before", 1),), ()))
    await postgres.run(END_OTHERS)
    with pytest.raises(NoTarget):
        await store.append(Journal((ledger_row("lost", 1),), ()))
    await store.append(Journal((ledger_row("after", 1),), ()))
    assert [row.entry.request_id for row in await store.list_entries(0, 10)] == ["before", "after"]
    assert store.is_alive
    await store.close()


async def test_one_whose_lost_connection_still_has_the_lock_waits_for_it(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    await postgres.run(END_OTHERS)
    # Stands for the connection that was lost, as a server sees it that hasn't noticed.
    lost = await asyncpg.connect(postgres.url)
    await lost.execute(f"SELECT pg_advisory_lock({LOCK})")
    for _ in range(2):
        with pytest.raises(NoTarget):
            await store.append(Journal((ledger_row("refused", 1),), ()))
    await lost.close()
    await store.append(Journal((ledger_row("kept", 1),), ()))
    assert [row.entry.request_id for row in await store.list_entries(0, 10)] == ["kept"]
    await store.close()


async def test_one_that_was_superseded_while_it_was_cut_off_never_writes_again(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    await postgres.run(END_OTHERS)
    await (await postgres.open()).close()
    for _ in range(3):
        with pytest.raises(NoTarget):
            await store.append(Journal((ledger_row("stale", 1),), ()))
    assert not store.is_alive
    assert await postgres.run("SELECT count(*) FROM ledger") == [(0,)]
    await store.close()


async def test_one_that_is_superseded_now_never_writes_again(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    await postgres.run(END_OTHERS)
    other = await postgres.open()
    for _ in range(2):
        with pytest.raises(NoTarget):
            await store.append(Journal((ledger_row("stale", 1),), ()))
    assert not store.is_alive
    await store.close()
    await other.close()


async def test_a_commit_whose_answer_was_lost_ends_the_store(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    await postgres.run(
        "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END'"
    )
    # Deferred, so that it runs while the commit does.
    await postgres.run(
        "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON audit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()"
    )
    with pytest.raises(NoTarget):
        await store.append(Journal((), (AuditEvent(1, "a", "b", "c", "{}"),)))
    with pytest.raises(NoTarget):
        await store.append(Journal((ledger_row("r1", 1),), ()))
    assert not store.is_alive
    await store.close()


async def test_every_acknowledged_commit_waits_for_the_disk(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    found = await store.committer.read(lambda connection: connection.execute("SHOW synchronous_commit").fetchone())
    assert found == ("on",)
    await store.close()


async def test_what_a_reader_does_changes_nothing(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    await store.append(Journal((ledger_row("r1", 1),), ()))
    await asyncio.to_thread(
        store.database.read, lambda connection: connection.execute("DELETE FROM ledger").rowcount, 10
    )
    assert len(await store.list_entries(0, 10)) == 1
    await store.close()


async def test_a_reader_past_its_deadline_is_ended(postgres: PostgresPlace) -> None:
    store = await postgres.open()
    with pytest.raises(store.database.refusals):
        await asyncio.to_thread(
            store.database.read, lambda connection: connection.execute("SELECT pg_sleep(60)").fetchall(), 0.05
        )
    await store.close()


async def test_a_server_that_is_away_is_named_without_the_password() -> None:
    server = PostgresServer("postgresql://turnout:hunter2@127.0.0.1:1/ledger", "a test")
    with pytest.raises(ConfigError, match=r"'ledger' at 127\.0\.0\.1:1 can't be used") as refused:
        await PostgresStore.open(server, secrets.token_bytes(8))
    assert "hunter2" not in str(refused.value)


async def test_a_database_that_is_not_there_is_named(postgres: PostgresPlace) -> None:
    server = PostgresServer(f"{postgres.url}_not", "a test")
    with pytest.raises(ConfigError, match="does not exist"):
        await asyncio.to_thread(PostgresSession(server, b"").open)
