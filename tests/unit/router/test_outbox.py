"""Rows reach Control once it takes them, and jobs outlive their clients, both within bounds."""

import asyncio

from tests.fakes import FakePost
from turnout.models.errors import BadRequest, UpstreamFailed
from turnout.models.ledger import AuditEvent, LedgerEntry
from turnout.router.outbox import Outbox


def row(number: int) -> LedgerEntry:
    return LedgerEntry(
        f"r{number}", 1, 0, "t", "k", "m", "x", "e", 200, "", 1, 1, 0, 0, "provider", None, None, 5, False
    )


async def test_rows_and_events_arrive_in_order_and_whole() -> None:
    post = FakePost()
    outbox = Outbox(post, batch=4, period_s=0.01)
    outbox.start()
    for number in range(10):
        outbox.put_entry(row(number))
    outbox.put_event(AuditEvent(1, "admin", "target.drain", "x", "{}"))
    assert await outbox.drain(5) == 0
    assert [entry.request_id for journal in post.journals for entry in journal.entries] == [f"r{n}" for n in range(10)]
    assert sum(len(journal.events) for journal in post.journals) == 1
    assert max(len(journal.entries) for journal in post.journals) <= 4


async def test_a_batch_that_control_did_not_take_is_sent_again() -> None:
    post = FakePost(UpstreamFailed("away"), UpstreamFailed("still away"))
    outbox = Outbox(post, period_s=0.005)
    outbox.start()
    outbox.put_entry(row(1))
    await asyncio.wait_for(post.posted.wait(), 5)
    assert await outbox.drain(5) == 0
    assert [len(journal.entries) for journal in post.journals] == [1]


async def test_a_full_batch_that_control_does_not_take_is_not_sent_again_with_every_row() -> None:
    post = FakePost(*[UpstreamFailed("away")] * 1000)
    outbox = Outbox(post, batch=2, period_s=0.02)
    outbox.start()
    for number in range(200):
        outbox.put_entry(row(number))
        await asyncio.sleep(0)
    assert len(post.errors) > 990
    post.errors.clear()
    assert await outbox.drain(5) == 0
    assert sum(len(journal.entries) for journal in post.journals) == 200


async def test_a_batch_that_control_will_never_take_does_not_hold_up_the_next() -> None:
    post = FakePost(BadRequest("not understood"))
    outbox = Outbox(post, batch=1, period_s=0.005)
    outbox.start()
    outbox.put_entry(row(1))
    outbox.put_entry(row(2))
    assert await outbox.drain(5) == 0
    assert outbox.dropped == 1
    assert [entry.request_id for journal in post.journals for entry in journal.entries] == ["r2"]


async def test_when_control_is_away_for_too_long_the_oldest_rows_go_and_are_counted() -> None:
    outbox = Outbox(FakePost(), capacity=5, batch=2)
    for number in range(8):
        outbox.put_entry(row(number))
    assert (outbox.waiting, outbox.dropped) == (5, 3)


async def test_draining_gives_up_in_time_and_says_what_is_left() -> None:
    outbox = Outbox(FakePost(*[UpstreamFailed("away")] * 1000), period_s=0.01)
    outbox.start()
    outbox.put_entry(row(1))
    assert await outbox.drain(0.05) == 1


async def test_jobs_outlive_their_client_and_are_bounded() -> None:
    outbox = Outbox(FakePost(), jobs=1)
    done: list[str] = []
    gate = asyncio.Event()

    async def job(name: str) -> None:
        await gate.wait()
        done.append(name)

    assert outbox.try_run(job("first"))
    assert not outbox.try_run(job("second")), "one at once here"
    gate.set()
    await outbox.drain(5)
    assert done == ["first"]
    assert not outbox.try_run(job("late")), "nothing new while draining"


async def test_a_job_that_fails_disturbs_nobody() -> None:
    outbox = Outbox(FakePost())

    async def job() -> None:
        raise ValueError("broken")

    assert outbox.try_run(job())
    assert await outbox.drain(5) == 0
