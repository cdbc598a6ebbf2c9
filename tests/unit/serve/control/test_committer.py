"""The thread that commits."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from turnout.models.errors import NoTarget
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection, WriterReplaced
from turnout.serve.control.sqlite import SqliteSession

T = TypeVar("T")


def connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE IF NOT EXISTS t (x)")
    return connection


def open_session(path: Path) -> SqliteSession:
    return SqliteSession(connect(path))


async def test_jobs_that_come_together_are_committed_together(tmp_path: Path) -> None:
    connection = connect(tmp_path / "db")
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    committer = Committer(SqliteSession(connection), linger_s=0.05)
    await asyncio.gather(
        *(committer.write(lambda c, n=n: c.execute("INSERT INTO t VALUES (?)", (n,))) for n in range(50))
    )
    await committer.close()
    assert statements.count("COMMIT") == 1
    assert sum(statement.startswith("INSERT") for statement in statements) == 50


async def test_work_is_never_done_on_the_event_loops_thread(tmp_path: Path) -> None:
    committer = Committer(open_session(tmp_path / "db"))
    assert await committer.write(lambda _: threading.current_thread().name) == "turnout-committer"
    await committer.close()


async def test_more_than_the_disk_takes_is_refused_instead_of_queued_without_end(tmp_path: Path) -> None:
    committer = Committer(open_session(tmp_path / "db"), capacity=2)
    blocked, go_on = threading.Event(), threading.Event()

    def block(_: sqlite3.Connection) -> None:
        blocked.set()
        go_on.wait(10)

    first = asyncio.create_task(committer.write(block))
    await asyncio.to_thread(blocked.wait, 10)
    queued = [asyncio.create_task(committer.write(lambda _: None)) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(NoTarget):
        await committer.write(lambda _: None)
    go_on.set()
    await asyncio.gather(first, *queued)
    await committer.close()


async def test_a_caller_that_leaves_does_not_stop_the_others(tmp_path: Path) -> None:
    committer = Committer(open_session(tmp_path / "db"), linger_s=0.02)
    leaving = asyncio.create_task(committer.write(lambda c: c.execute("INSERT INTO t VALUES (1)")))
    staying = asyncio.create_task(committer.write(lambda _: "kept"))
    await asyncio.sleep(0)
    leaving.cancel()
    assert await staying == "kept"
    assert committer.is_alive
    await committer.close()


async def test_a_failed_commit_fails_every_job_of_its_batch(tmp_path: Path) -> None:
    committer = Committer(open_session(tmp_path / "db"), linger_s=0.02)

    def end_transaction(connection: sqlite3.Connection) -> None:
        connection.execute("ROLLBACK")  # as SQLite does by itself when the disk is full

    with pytest.raises(NoTarget):
        await committer.write(end_transaction)
    assert await committer.write(lambda _: "works again") == "works again"
    await committer.close()


class ReplacedSession:
    """A `Session` whose second transaction finds that another writes."""

    refusals = (sqlite3.Error,)

    def __init__(self) -> None:
        self.transactions = 0
        self.is_closed = False

    def transact(self, work: Callable[[Connection], T], *, writes: bool) -> T:
        self.transactions += 1
        if self.transactions == 2:
            raise WriterReplaced("another")
        return work(sqlite3.connect(":memory:", isolation_level=None))

    def close(self) -> None:
        self.is_closed = True


async def test_one_that_was_replaced_ends_and_refuses_all_that_waits() -> None:
    session = ReplacedSession()
    committer = Committer(session, linger_s=0)
    assert await committer.write(lambda _: "first") == "first"
    told = await asyncio.gather(*(committer.write(lambda _: "never") for _ in range(50)), return_exceptions=True)
    assert {type(each) for each in told} == {NoTarget}
    assert not committer.is_alive
    with pytest.raises(NoTarget):
        await committer.write(lambda _: "never")
    await committer.close()
    assert session.is_closed
    assert session.transactions == 2
