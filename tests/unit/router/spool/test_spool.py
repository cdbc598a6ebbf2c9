"""What a killed router leaves behind is what Control may not have; whoever looks next sends it, once."""

import asyncio
import errno
import logging
import random
from pathlib import Path

import pytest

from tests.fakes import FakePost, ledger_row
from turnout.models.errors import BadRequest, UpstreamFailed
from turnout.models.ledger import AuditEvent, LedgerEntry
from turnout.router.outbox import Outbox
from turnout.router.spool.segment import Orphan, Segment
from turnout.router.spool.spool import Spool, list_files, make_private
from turnout.router.spool.sweep import Sweeper, read_rows

LEDGER, ROUTER = "ledger-1", "gateway#Router#a.b/c~1"


def row(number: int) -> LedgerEntry:
    return ledger_row(f"r{number}", number, "b")


def event(number: int) -> AuditEvent:
    return AuditEvent(number, "k", "guard.block", "m", "{}")


async def opened(folder: Path, segments: int = 8, segment_bytes: int = 4096, router: str = ROUTER) -> Spool:
    spool = Spool(folder, LEDGER, router, segments * segment_bytes, segment_bytes=segment_bytes)
    assert await spool.try_extend()
    return spool


def kill(spool: Spool) -> None:
    """Let go of the locks as the kernel does, with everything left as it is."""
    lots = [lot.segment for lot in spool._lots if lot.segment is not None]
    for segment in [*lots, *spool._spares]:
        segment.close(keeps=True)


def left(folder: Path) -> tuple[list[LedgerEntry], list[AuditEvent]]:
    """What a sweeper would read now; it's left there."""
    entries: list[LedgerEntry] = []
    events: list[AuditEvent] = []
    for path in list_files(folder, LEDGER):
        found = Orphan.find(path)
        assert found is not None, path
        with found:
            more = read_rows(found.records)
        entries += more[0]
        events += more[1]
    return entries, events


async def test_all_rows_that_were_put_and_not_forgotten_are_left_by_a_killed_router(tmp_path: Path) -> None:
    random_ = random.Random(5)
    spool = await opened(tmp_path / "spool", segments=64)
    entries, events = [*map(row, range(300))], [*map(event, range(300))]
    put, forgotten = [0, 0], [0, 0]
    while put[0] < 300 or put[1] < 300:
        kind = random_.randrange(2)
        if put[kind] < 300:
            spool.put_entry(entries[put[0]]) if kind == 0 else spool.put_event(events[put[1]])
            put[kind] += 1
        if random_.random() < 0.05:
            more = [random_.randint(0, put[each] - forgotten[each]) for each in (0, 1)]
            spool.forget(*more)
            forgotten = [forgotten[0] + more[0], forgotten[1] + more[1]]
        await spool.try_extend()
    assert spool.unspooled == 0
    kill(spool)
    found = left(tmp_path / "spool")
    assert set(entries[forgotten[0] :]) <= set(found[0])
    assert set(events[forgotten[1] :]) <= set(found[1])
    assert len(set(found[0])) == len(found[0])


async def test_files_are_written_anew_once_their_rows_are_safe(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool", segments=3)
    for number in range(2000):
        spool.put_entry(row(number))
        spool.forget(1, 0)
        await spool.try_extend()
    assert spool.unspooled == 0
    assert len([*(tmp_path / "spool").iterdir()]) <= 3
    spool.close()
    assert [*(tmp_path / "spool").iterdir()] == []


async def test_a_burst_leaves_no_more_files_than_are_needed_after_it(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool", segments=20)
    for number in range(600):
        spool.put_entry(row(number))
        await spool.try_extend()
    assert len([*(tmp_path / "spool").iterdir()]) > 5
    spool.forget(600, 0)
    assert len([*(tmp_path / "spool").iterdir()]) == 2, "the one that is written, and one ready"
    spool.close()


async def test_rows_beyond_the_bound_are_not_spooled_and_those_after_them_are_again(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool", segments=2)
    for number in range(200):
        spool.put_entry(row(number))
        await spool.try_extend()
    lost = spool.unspooled
    assert 0 < lost < 200
    spool.forget(200, 0)
    await spool.try_extend()
    spool.put_entry(row(500))
    assert spool.unspooled == lost
    kill(spool)
    assert row(500) in left(tmp_path / "spool")[0]


async def test_a_full_disk_fails_nothing_warns_once_and_is_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    has_room = False

    def make(path: Path, size_bytes: int) -> Segment:
        if not has_room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return Segment.create(path, size_bytes)

    post = FakePost()
    spool = Spool(tmp_path / "spool", LEDGER, ROUTER, 8 * 4096, segment_bytes=4096, make=make)
    outbox = Outbox(post, router=ROUTER)
    with caplog.at_level(logging.WARNING, "turnout.spool"):
        for _ in range(3):
            assert not await spool.try_extend()
    assert len(caplog.records) == 1
    outbox.copy_into(spool)
    outbox.put_entry(row(1))
    has_room = True
    assert await spool.try_extend()
    outbox.put_entry(row(2))
    outbox.start()
    assert await outbox.drain(5) == 0
    assert [entry for journal in post.journals for entry in journal.entries] == [row(1), row(2)]
    spool.close()
    assert [*(tmp_path / "spool").iterdir()] == []


async def test_a_segment_is_made_as_soon_as_the_last_spare_is_taken(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool")
    running = asyncio.ensure_future(spool.run())
    for number in range(100):
        spool.put_entry(row(number))
        for _ in range(200):
            if spool._spares:
                break
            await asyncio.sleep(0.005)
    running.cancel()
    assert spool.unspooled == 0
    spool.close()


def test_a_folder_that_others_may_write_or_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    make_private(tmp_path / "real")
    for name in ("open", "link"):
        with pytest.raises(PermissionError, match="only this user"):
            make_private(tmp_path / name)


async def test_the_outbox_keeps_a_copy_of_what_control_has_not_acknowledged(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool", segments=64)
    outbox = Outbox(FakePost(*[UpstreamFailed("away")] * 1000), period_s=0.01, capacity=150)
    outbox.put_entry(row(0))
    outbox.copy_into(spool)
    outbox.start()
    for number in range(1, 100):
        outbox.put_entry(row(number))
        outbox.put_event(event(number))
        await spool.try_extend()
    assert await outbox.drain(0.05) == 199
    spool.close()
    entries, events = left(tmp_path / "spool")
    assert set(entries) >= set(map(row, range(100)))
    assert set(events) >= set(map(event, range(1, 100)))


async def test_a_sibling_sends_what_a_killed_router_left_in_its_name_and_only_once(tmp_path: Path) -> None:
    folder = tmp_path / "spool"
    spool, own = await opened(folder), await opened(folder, router="sibling")
    for number in range(30):
        spool.put_entry(row(number))
        spool.put_event(event(number))
        await spool.try_extend()
    own.put_entry(row(99))
    post = FakePost()
    sweeper = Sweeper(folder, LEDGER, post)
    assert await sweeper.sweep() == 0, "they live"
    kill(spool)
    assert await sweeper.sweep() == 60
    assert await sweeper.sweep() == 0
    assert {journal.router for journal in post.journals} == {ROUTER}
    assert [each for journal in post.journals for each in journal.entries] == [*map(row, range(30))]
    assert [each for journal in post.journals for each in journal.events] == [*map(event, range(30))]
    own.close()


async def test_what_control_does_not_take_is_left_for_the_next_look(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool")
    spool.put_entry(row(1))
    post = FakePost(UpstreamFailed("away"))
    sweeper = Sweeper(tmp_path / "spool", LEDGER, post)
    kill(spool)
    with pytest.raises(UpstreamFailed):
        await sweeper.sweep()
    assert await sweeper.sweep() == 1
    assert [journal.entries for journal in post.journals] == [(row(1),)]


async def test_what_control_will_never_take_is_not_offered_for_ever(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool")
    spool.put_entry(row(1))
    kill(spool)
    await Sweeper(tmp_path / "spool", LEDGER, FakePost(BadRequest("not understood"))).sweep()
    assert [*(tmp_path / "spool").iterdir()] == []


async def test_rows_for_another_ledger_are_left_alone(tmp_path: Path) -> None:
    spool = await opened(tmp_path / "spool")
    spool.put_entry(row(1))
    post = FakePost()
    kill(spool)
    for other in ("ledger", "ledger-10", "*", "ledger-1.gateway"):
        assert await Sweeper(tmp_path / "spool", other, post).sweep() == 0
    assert post.journals == []


def test_records_of_another_version_are_left_out() -> None:
    assert read_rows([b"e\xc1", b"x\x90", b"a\x91\x01"]) == ([], [])
