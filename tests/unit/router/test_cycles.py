"""A request leaves nothing for the cycle collector, which looks seldom in a router: what it kept would hold whole bodies."""

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterator

import pytest

from tests.fakes import FakeUpstream, answers, fails, outcome, refuses, streams
from tests.gateways import ANSWER, REMOTE, STREAM, Rig, catalogue
from turnout.models.exchange import Out
from turnout.models.upstream import Failure, Outcome

TEXT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
FINISH = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'


@pytest.fixture(autouse=True)
def _collector_off() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def unary() -> None:
    await Rig(FakeUpstream(answers(ANSWER)), catalogue(REMOTE)).post()


async def whole_stream() -> None:
    await finish_stream(Rig(FakeUpstream(streams(TEXT, FINISH)), catalogue(REMOTE)))


async def broken_stream() -> None:
    await finish_stream(Rig(FakeUpstream(streams(TEXT, failure=Failure.RESET)), catalogue(REMOTE)))


async def finish_stream(rig: Rig) -> None:
    await rig.post(STREAM)
    rig.clock.advance(1.0)  # the heartbeats' last tick, which the clock holds


async def refused_upstream() -> None:
    await Rig(FakeUpstream(refuses(429)), catalogue(REMOTE)).post()


async def nobody_there() -> None:
    await Rig(FakeUpstream(fails(Failure.CONNECT)), pools={"pool": ("a", "b")}).post()


async def bad_body() -> None:
    await Rig(FakeUpstream(answers(ANSWER))).post(b"{")


async def client_left() -> None:
    begun = asyncio.Event()

    async def hang(endpoint: object, request: object, out: Out) -> Outcome:
        begun.set()
        await asyncio.Event().wait()
        return outcome()

    rig = Rig(FakeUpstream(hang))  # type: ignore[arg-type]
    task = asyncio.create_task(rig.post())
    await begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "request_once", [unary, whole_stream, broken_stream, refused_upstream, nobody_there, bad_body, client_left]
)
async def test_a_request_leaves_no_cycles(request_once: Callable[[], Awaitable[None]]) -> None:
    await request_once()  # what is made once for the process
    gc.collect()
    await request_once()
    once = gc.collect()
    for _ in range(20):
        await request_once()
    assert gc.collect() <= once, f"{once} objects after one request already"
    assert once == 0
