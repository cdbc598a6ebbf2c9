"""A router spools once it knows whose ledger its rows are for, and sends what its dead siblings left for the same one."""

import asyncio
from pathlib import Path

from tests.fakes import FakePost, ledger_row
from turnout.models.errors import UpstreamFailed
from turnout.router.outbox import Outbox
from turnout.serve.config.spool import SpoolSettings
from turnout.serve.spooling import Spooling


def spooling(folder: Path, router: str, post: FakePost) -> tuple[Spooling, Outbox]:
    outbox = Outbox(post, router=router, period_s=0.01)
    return Spooling(SpoolSettings(folder=folder), router, outbox, post), outbox


async def until(holds: object) -> None:
    async with asyncio.timeout(5):
        while not holds():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def test_what_one_could_not_send_before_it_ended_its_successor_sends_in_its_name(tmp_path: Path) -> None:
    first, outbox = spooling(tmp_path / "spool", "first", FakePost(*[UpstreamFailed("away")] * 1000))
    outbox.put_entry(ledger_row("before", 1))
    first.follow("ledger-1")
    outbox.start()
    await until(lambda: [*tmp_path.glob("spool/*")])
    outbox.put_entry(ledger_row("after", 2))
    assert await outbox.drain(0.05) == 2
    await first.close()
    post = FakePost()
    second, _ = spooling(tmp_path / "spool", "second", post)
    second.follow("ledger-1")
    await asyncio.wait_for(post.posted.wait(), 5)
    assert [(journal.router, journal.entries) for journal in post.journals] == [
        ("first", (ledger_row("before", 1), ledger_row("after", 2)))
    ]
    assert second.is_running
    await second.close()
    assert [*tmp_path.glob("spool/*")] == []


async def test_without_settings_there_is_no_file_and_the_ledger_is_acknowledged_all_the_same(tmp_path: Path) -> None:
    post = FakePost()
    off = Spooling(None, "r", Outbox(post), post)
    off.follow("ledger-1")
    assert (off.ledger, off.is_running) == ("ledger-1", True)
    await off.close()
    assert [*tmp_path.iterdir()] == []


async def test_a_folder_that_cannot_be_used_stops_no_router(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file")
    post = FakePost()
    broken, outbox = spooling(tmp_path / "spool", "r", post)
    broken.follow("ledger-1")
    outbox.start()
    outbox.put_entry(ledger_row("r1", 1))
    await asyncio.wait_for(post.posted.wait(), 5)
    assert broken.is_running
    assert await outbox.drain(5) == 0
    await broken.close()
