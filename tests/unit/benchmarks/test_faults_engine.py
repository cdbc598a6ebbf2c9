"""An engine that breaks its streams off does so at the place drawn, and leaves everything else alone."""

import asyncio

import pytest

from tests.fakes import FakeOut
from turnout.benchmarks.scenarios.faults.breaking_engine import FEWEST, MOST, draw_place, with_breaks
from turnout.models.exchange import JSON_HEADERS, Out, RequestHead


def head(path: bytes) -> RequestHead:
    return RequestHead(b"POST", path, b"", {}, "peer")


async def say_ten(_: RequestHead, body: bytes, out: Out) -> None:
    if body == b"unary":
        out.full(200, JSON_HEADERS, b"whole")
        return
    out.start(200, ())
    for number in range(10):
        out.write(b"%d " % number)
        await asyncio.sleep(0)
    out.end()


@pytest.mark.parametrize(
    ("path", "body", "said", "is_ended"),
    [
        (b"/v1/chat/completions", b"stream", b"0 1 2 3 ", False),
        (b"/v1/chat/completions", b"unary", b"whole", True),
        (b"/v1/completions", b"stream", b"0 1 2 3 4 5 6 7 8 9 ", True),
    ],
)
async def test_only_streamed_chats_break_off(path: bytes, body: bytes, said: bytes, is_ended: bool) -> None:
    out = FakeOut()
    await with_breaks(say_ten, lambda _: 4)(head(path), body, out)
    assert (out.body, out.is_ended) == (said, is_ended)


async def test_a_stream_that_is_shorter_ends_well() -> None:
    out = FakeOut()
    await with_breaks(say_ten, lambda _: 11)(head(b"/v1/chat/completions"), b"stream", out)
    assert (out.body[-2:], out.is_ended) == (b"9 ", True)


async def test_what_the_engine_raises_is_raised() -> None:
    async def fail(_: RequestHead, body: bytes, out: Out) -> None:
        raise RuntimeError("dead")

    with pytest.raises(RuntimeError, match="dead"):
        await with_breaks(fail, draw_place)(head(b"/v1/chat/completions"), b"", FakeOut())


def test_the_place_depends_on_the_body_alone() -> None:
    places = {draw_place(b"%d" % number) for number in range(1000)}
    assert places == set(range(FEWEST, MOST))
    assert draw_place(b"a") == draw_place(b"a")
