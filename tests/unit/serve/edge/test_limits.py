"""Every limit of the edge, with a clock that the test moves."""

import asyncio
import json

import pytest

from tests.contracts.edge.handlers import TEXT, Gate, echo
from tests.contracts.edge.wire import get, post
from tests.fakes_edge import EdgeRig, FakeTransport, settle
from turnout.models.exchange import Out, RequestHead
from turnout.serve.edge.config import EdgeLimits

HALF_HEAD = b"GET / HTTP/1.1\r\nhost: te"
ANNOUNCED = b"POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 1000\r\n\r\n"


def status(transport: FakeTransport) -> int:
    """The status of the first answer, or 0."""
    return int(transport.written.split(b" ", 2)[1]) if transport.written else 0


def message(transport: FakeTransport) -> str:
    """The message of the error body."""
    error = json.loads(transport.written.split(b"\r\n\r\n", 1)[1])["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return str(error["message"])


async def test_a_silent_new_connection_is_answered_408_after_the_header_time() -> None:
    rig = EdgeRig(echo)
    _, transport = rig.connect()
    rig.pass_time(4)
    assert not transport.written
    rig.pass_time(2)
    assert status(transport) == 408
    assert transport.has_eof


async def test_a_head_that_comes_too_slowly_is_answered_408() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    for byte in HALF_HEAD[:5]:
        connection.data_received(bytes((byte,)))
        rig.pass_time(1)
    rig.pass_time(1)
    assert status(transport) == 408


async def test_the_header_time_of_a_kept_connection_begins_with_the_first_byte() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    connection.data_received(get())
    await settle()
    rig.pass_time(50)
    connection.data_received(HALF_HEAD)
    rig.pass_time(4)
    assert transport.written.count(b"HTTP/1.1") == 1
    rig.pass_time(2)
    assert b"HTTP/1.1 408 Request Timeout\r\n" in transport.written


async def test_a_kept_connection_is_closed_without_a_word_when_idle() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    connection.data_received(get())
    await settle()
    rig.pass_time(74)
    assert not transport.is_closed
    rig.pass_time(2)
    assert transport.is_closed
    assert transport.written.count(b"HTTP/1.1") == 1


async def test_a_body_that_stops_coming_is_answered_408() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    connection.data_received(ANNOUNCED + b"x")
    rig.pass_time(9)
    assert not transport.written
    rig.pass_time(2)
    assert status(transport) == 408


async def test_a_body_that_trickles_is_answered_408_after_the_body_time() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    connection.data_received(ANNOUNCED)
    for _ in range(119):
        connection.data_received(b"x")
        rig.pass_time(1)
    assert not transport.written
    rig.pass_time(2)
    assert status(transport) == 408


@pytest.mark.parametrize("is_whole", [True, False])
async def test_a_head_over_the_limit_is_answered_431(is_whole: bool) -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    connection.data_received(get(b"/", b"x: " + b"y" * 33_000) if is_whole else HALF_HEAD + b"y" * 33_000)
    assert status(transport) == 431
    assert "32768" in message(transport)


async def test_a_head_just_under_the_limit_is_served() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    request = get(b"/", b"x: " + b"y" * (32 * 1024 - len(get(b"/", b"x: "))))
    connection.data_received(request)
    await settle()
    assert (len(request), status(transport)) == (32 * 1024, 200)


async def test_an_announced_body_over_the_limit_is_answered_413_before_it_comes() -> None:
    rig = EdgeRig(echo, EdgeLimits(body_bytes=999))
    connection, transport = rig.connect()
    connection.data_received(ANNOUNCED.replace(b"\r\n\r\n", b"\r\nexpect: 100-continue\r\n\r\n"))
    assert status(transport) == 413
    assert "999" in message(transport)


async def test_a_chunked_body_over_the_limit_is_answered_413() -> None:
    rig = EdgeRig(echo, EdgeLimits(body_bytes=10))
    connection, transport = rig.connect()
    connection.data_received(b"POST / HTTP/1.1\r\nhost: t\r\ntransfer-encoding: chunked\r\n\r\n6\r\nabcdef\r\n6\r\n")
    assert status(transport) == 413


async def test_a_body_of_exactly_the_limit_is_served() -> None:
    rig = EdgeRig(echo, EdgeLimits(body_bytes=10))
    connection, transport = rig.connect()
    connection.data_received(post(b"0123456789"))
    await settle()
    assert transport.written.endswith(b"POST /? 0123456789")


async def test_after_a_refusal_what_comes_is_dropped_up_to_a_limit() -> None:
    rig = EdgeRig(echo, EdgeLimits(body_bytes=10, linger_bytes=5000))
    connection, transport = rig.connect()
    connection.data_received(ANNOUNCED)
    connection.data_received(get() * 100)
    await settle()
    assert transport.written.count(b"HTTP/1.1") == 1
    assert not transport.is_closed
    connection.data_received(b"x" * 5000)
    assert transport.is_aborted


async def test_after_a_refusal_the_connection_ends_within_the_linger_time() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    connection.data_received(b"rubbish\r\n\r\n")
    rig.pass_time(6)
    assert (status(transport), transport.is_aborted) == (400, True)


async def test_one_connection_too_many_is_answered_503() -> None:
    rig = EdgeRig(echo, EdgeLimits(connections=1))
    first, kept = rig.connect()
    _, refused = rig.connect()
    first.data_received(get())
    await settle()
    assert (status(kept), status(refused), refused.has_eof) == (200, 503, True)


async def test_reading_stops_while_too_much_is_held_behind_an_answer() -> None:
    gate = Gate()
    rig = EdgeRig(gate)
    connection, transport = rig.connect()
    connection.data_received(get())
    await settle()
    connection.data_received(post(b"x" * 70_000))
    assert transport.is_reading_paused
    gate.opened.set()
    await settle()
    assert not transport.is_reading_paused
    assert transport.written.count(b"opened") == 2


async def test_an_old_connection_is_told_to_close() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    rig.pass_time(1)
    connection.data_received(get())
    await settle()
    assert b"connection: close" not in transport.written
    rig.pass_time(59)
    connection.data_received(get())
    await settle()
    assert b"connection: close" in transport.written
    assert transport.is_closed


async def test_ages_are_spread_by_a_quarter_both_ways() -> None:
    rig = EdgeRig(echo, draws=(0.0, 1.0, 1.0))
    young, old = rig.connect(), rig.connect()
    rig.pass_time(1)
    for connection, _ in (young, old):
        connection.data_received(get())
    await settle()
    rig.pass_time(50)
    for connection, _ in (young, old):
        connection.data_received(get())
    await settle()
    assert [b"connection: close" in transport.written for _, transport in (young, old)] == [True, False]


async def test_a_client_that_takes_nothing_of_a_stream_is_cut() -> None:
    cancelled = asyncio.Event()

    async def flood(head: RequestHead, body: bytes, out: Out) -> None:
        out.start(200, TEXT)
        while (waiting := out.write(b"x")) is None:
            await asyncio.sleep(0)
        try:
            await waiting
        except asyncio.CancelledError:
            cancelled.set()
            raise

    rig = EdgeRig(flood)
    connection, transport = rig.connect()
    transport.unsent = 100_000
    connection.data_received(get())
    await settle()
    rig.pass_time(59)
    assert not transport.is_aborted
    rig.pass_time(2)
    await settle()
    assert transport.is_aborted
    assert cancelled.is_set()


async def test_a_client_that_takes_its_answer_slowly_is_left_alone() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    transport.unsent = 1_000_000
    connection.data_received(get())
    await settle()
    for _ in range(10):
        transport.unsent -= 1000
        rig.pass_time(59)
    assert not transport.is_aborted
    rig.pass_time(200)
    assert transport.is_aborted


async def test_a_stall_of_the_event_loop_punishes_nobody() -> None:
    rig = EdgeRig(echo)
    connection, transport = rig.connect()
    rig.now += 3600
    rig.traffic.sweep(rig.now)
    connection.data_received(get())
    await settle()
    assert status(transport) == 200


async def test_writing_waits_while_the_client_does_not_keep_up() -> None:
    steps: list[str] = []

    async def stream(head: RequestHead, body: bytes, out: Out) -> None:
        out.start(200, TEXT)
        assert out.write(b"a") is None
        steps.append("free")
        await gate.wait()
        waiting = out.write(b"b")
        assert waiting is not None
        await waiting
        steps.append("drained")
        out.end()

    gate = asyncio.Event()
    rig = EdgeRig(stream)
    connection, transport = rig.connect()
    connection.data_received(get())
    await settle()
    connection.pause_writing()
    gate.set()
    await settle()
    assert steps == ["free"]
    connection.resume_writing()
    await settle()
    assert steps == ["free", "drained"]
    assert transport.written.endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


async def test_refusals_are_counted_by_status() -> None:
    rig = EdgeRig(echo)
    for rubbish in (b"\x16\x03\x01", b"GET / HTTP/3.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n"):
        rig.connect()[0].data_received(rubbish)
    assert rig.traffic.refused == {400: 3}
