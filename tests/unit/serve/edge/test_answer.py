"""How answers look on the wire."""

import pytest

from tests.contracts.edge.handlers import TEXT
from tests.contracts.edge.wire import get
from tests.fakes_edge import EdgeRig, FakeTransport, settle
from turnout.models.exchange import Handler, Out, RequestHead

HTTP10 = b"GET / HTTP/1.0\r\n\r\n"
DATE = b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n"


async def serve(handler: Handler, request: bytes) -> FakeTransport:
    connection, transport = EdgeRig(handler).connect()
    connection.data_received(request)
    await settle()
    return transport


async def full(head: RequestHead, body: bytes, out: Out) -> None:
    out.full(200, TEXT, b"hello")


async def stream(head: RequestHead, body: bytes, out: Out) -> None:
    out.start(200, TEXT)
    out.write(b"he")
    out.write(b"")
    out.write(b"llo")
    out.end()


async def cut(head: RequestHead, body: bytes, out: Out) -> None:
    out.start(200, TEXT)
    out.write(b"he")


async def test_a_unary_answer_is_one_write() -> None:
    transport = await serve(full, get())
    assert transport.writes == [
        b"HTTP/1.1 200 OK\r\n" + DATE + b"content-type: text/plain\r\ncontent-length: 5\r\n\r\nhello"
    ]
    assert not transport.is_closed


async def test_each_piece_of_a_stream_is_one_chunk_and_those_of_one_turn_are_one_write() -> None:
    transport = await serve(stream, get())
    head = b"HTTP/1.1 200 OK\r\n" + DATE + b"content-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
    assert transport.writes == [head + b"2\r\nhe\r\n" + b"3\r\nllo\r\n" + b"0\r\n\r\n"]


async def test_pieces_of_different_turns_are_sent_as_they_come() -> None:
    async def slow(head: RequestHead, body: bytes, out: Out) -> None:
        out.start(200, ())
        for piece in (b"he", b"llo"):
            out.write(piece)
            await settle()
        out.end()

    connection, transport = EdgeRig(slow).connect()
    connection.data_received(get())
    for _ in range(4):
        await settle()
    assert transport.writes[0].endswith(b"2\r\nhe\r\n")
    assert transport.writes[1:] == [b"3\r\nllo\r\n", b"0\r\n\r\n"]


async def test_a_stream_to_http_1_0_ends_with_the_connection() -> None:
    transport = await serve(stream, HTTP10)
    assert transport.written.endswith(b"content-type: text/plain\r\nconnection: close\r\n\r\nhello")
    assert transport.is_closed


async def test_http_1_0_is_told_that_its_connection_is_kept() -> None:
    transport = await serve(full, b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    assert b"connection: keep-alive\r\n" in transport.written
    assert not transport.is_closed


@pytest.mark.parametrize("handler", [full, stream])
async def test_head_gets_the_head_only(handler: Handler) -> None:
    transport = await serve(handler, get().replace(b"GET", b"HEAD"))
    assert transport.written.endswith(b"\r\n\r\n")
    assert transport.written.count(b"\r\n\r\n") == 1


@pytest.mark.parametrize("status", [204, 304])
async def test_a_status_without_body_has_neither_length_nor_body(status: int) -> None:
    async def empty(head: RequestHead, body: bytes, out: Out) -> None:
        out.full(status, (), b"ignored")

    transport = await serve(empty, get())
    assert transport.written.endswith(DATE + b"\r\n")


async def test_a_stream_that_its_handler_leaves_open_is_closed_without_an_end() -> None:
    transport = await serve(cut, get())
    assert transport.written.endswith(b"2\r\nhe\r\n")
    assert transport.is_closed
    assert not transport.is_aborted


async def test_a_stream_to_http_1_0_that_is_left_open_is_reset() -> None:
    transport = await serve(cut, HTTP10)
    assert transport.is_aborted


async def test_a_handler_that_says_nothing_closes_the_connection() -> None:
    async def silent(head: RequestHead, body: bytes, out: Out) -> None:
        return

    transport = await serve(silent, get())
    assert (transport.written, transport.is_closed) == (b"", True)


@pytest.mark.parametrize(
    "headers", [((b"x", b"a\r\nset-cookie: b"),), ((b"x", b"a\nb"),), ((b"x\r\ny", b"a"),), ((b"x", b"a\x00"),)]
)
@pytest.mark.parametrize("is_stream", [False, True])
async def test_a_header_with_a_line_break_becomes_a_500(
    headers: tuple[tuple[bytes, bytes], ...], is_stream: bool
) -> None:
    async def inject(head: RequestHead, body: bytes, out: Out) -> None:
        if is_stream:
            out.start(200, headers)
        else:
            out.full(200, headers, b"")

    transport = await serve(inject, get())
    assert transport.written.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert b"set-cookie" not in transport.written


async def test_a_failing_handler_is_answered_500_in_openai_form_and_the_connection_kept() -> None:
    async def fail(head: RequestHead, body: bytes, out: Out) -> None:
        raise ZeroDivisionError("with a secret in it")

    transport = await serve(fail, get())
    assert transport.written.endswith(
        b'{"error":{"message":"internal error","type":"api_error","param":null,"code":null}}'
    )
    assert not transport.is_closed


async def test_a_handler_that_fails_after_its_answer_changes_nothing() -> None:
    async def fail_late(head: RequestHead, body: bytes, out: Out) -> None:
        out.full(200, (), b"fine")
        raise ZeroDivisionError

    transport = await serve(fail_late, get())
    assert transport.written.count(b"HTTP/1.1") == 1
    assert not transport.is_closed


@pytest.mark.parametrize("second", ["full", "start"])
async def test_an_answer_can_be_begun_only_once(second: str) -> None:
    errors: list[type[Exception]] = []

    async def twice(head: RequestHead, body: bytes, out: Out) -> None:
        out.start(200, ())
        try:
            getattr(out, second)(200, (), *((b"",) if second == "full" else ()))
        except RuntimeError as error:
            errors.append(type(error))
        out.end()

    await serve(twice, get())
    assert errors == [RuntimeError]


async def test_the_next_request_begins_while_a_handler_still_works_after_its_answer() -> None:
    answered: dict[bytes, int] = {}

    async def linger(head: RequestHead, body: bytes, out: Out) -> None:
        out.full(200, (), head.path)
        if head.path == b"/1":
            await settle()
        answered[head.path] = transport.written.count(b"HTTP/1.1 200")

    rig = EdgeRig(linger)
    connection, transport = rig.connect()
    connection.data_received(get(b"/1") + get(b"/2"))
    await settle()
    await settle()
    assert answered[b"/1"] == 2
    assert not rig.traffic.answering


async def test_a_client_that_leaves_after_its_answer_does_not_cancel_the_rest_of_the_handler() -> None:
    done: list[bool] = []

    async def account(head: RequestHead, body: bytes, out: Out) -> None:
        out.full(200, (), b"")
        await settle()
        done.append(True)

    rig = EdgeRig(account)
    connection, transport = rig.connect()
    connection.data_received(get())
    await settle()
    transport.abort()
    await settle()
    await settle()
    assert done == [True]


async def test_an_out_of_a_client_that_left_takes_everything_and_says_nothing() -> None:
    outs: list[Out] = []

    async def keep(head: RequestHead, body: bytes, out: Out) -> None:
        outs.append(out)
        out.start(200, ())

    connection, transport = EdgeRig(keep).connect()
    connection.data_received(get())
    await settle()
    before = transport.written
    outs[0].write(b"x")
    outs[0].end()
    assert transport.written == before
