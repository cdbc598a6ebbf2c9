"""What any HTTP/1.1 server does, ours and uvicorn's alike."""

import asyncio

import pytest

from tests.contracts.edge.handlers import Gate, count_down, echo, fail
from tests.contracts.edge.servers import Serve
from tests.contracts.edge.wire import WireClient, get, post


async def test_answers_a_unary_request_with_its_length(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        answer = await client.ask(post(b"hello", b"/v1/x?a=1"))
    assert (answer.status, answer.body) == (200, b"POST /v1/x?a=1 hello")
    assert answer.headers[b"content-length"] == b"20"
    assert answer.headers[b"content-type"] == b"text/plain"


async def test_passes_the_path_as_it_was_sent(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        answer = await client.ask(get(b"/a%2Fb%20c/../d?q=%41"))
    assert answer.body == b"GET /a%2Fb%20c/../d?q=%41 "


async def test_sends_each_piece_of_a_stream_when_it_is_written(serve: Serve) -> None:
    gate = Gate(is_stream=True)
    server = await serve(gate)
    async with WireClient(server.host, server.port) as client:
        client.send(get())
        status, headers = await client.head()
        assert (status, headers[b"transfer-encoding"]) == (200, b"chunked")
        assert await client.chunk() == b"first"
        gate.opened.set()
        assert [await client.chunk(), await client.chunk()] == [b"last", b""]


async def test_keeps_the_connection_after_a_unary_answer_and_after_a_stream(serve: Serve) -> None:
    server = await serve(count_down)
    async with WireClient(server.host, server.port) as client:
        answers = [await client.ask(get()) for _ in range(3)]
    assert {answer.body for answer in answers} == {b"data: 3\n\ndata: 2\n\ndata: 1\n\n"}


async def test_answers_pipelined_requests_in_their_order(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        client.send(get(b"/1") + post(b"two", b"/2") + get(b"/3"))
        bodies = [(await client.answer()).body for _ in range(3)]
    assert bodies == [b"GET /1? ", b"POST /2? two", b"GET /3? "]


async def test_runs_one_pipelined_request_at_a_time(serve: Serve) -> None:
    gate = Gate()
    running = 0
    most = 0

    async def count(*request: object) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await gate(*request)
        running -= 1

    server = await serve(count)
    async with WireClient(server.host, server.port) as client:
        client.send(get() * 3)
        await gate.begun.wait()
        gate.opened.set()
        for _ in range(3):
            await client.answer()
    assert most == 1


async def test_takes_a_chunked_body(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        client.send(b"POST / HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n4\r\nabcd\r\n")
        answer = await client.ask(b"A\r\n0123456789\r\n0\r\n\r\n")
        again = await client.ask(get(b"/next"))
    assert (answer.body, again.body) == (b"POST /? abcd0123456789", b"GET /next? ")


async def test_takes_a_body_that_comes_in_pieces(serve: Serve) -> None:
    server = await serve(echo)
    request = post(b"x" * 100)
    async with WireClient(server.host, server.port) as client:
        for at in range(0, len(request), 7):
            client.send(request[at : at + 7])
            await client.writer.drain()
            await asyncio.sleep(0)
        answer = await client.answer()
    assert answer.body == b"POST /? " + b"x" * 100


async def test_answers_head_without_a_body(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        answer = await client.ask(get(b"/h").replace(b"GET", b"HEAD"), is_head=True)
        again = await client.ask(get(b"/g"))
    assert answer.headers[b"content-length"] == b"9"
    assert again.body == b"GET /g? "


async def test_closes_when_the_client_asks_for_it(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        answer = await client.ask(get(b"/", b"connection: close"))
        rest = await client.rest()
    assert (answer.headers[b"connection"], rest) == (b"close", b"")


async def test_closes_after_answering_an_http_1_0_client(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        answer = await client.ask(b"GET / HTTP/1.0\r\n\r\n")
        rest = await client.rest()
    assert (answer.body, rest) == (b"GET /? ", b"")


async def test_invites_the_body_of_a_client_that_waits_for_100_continue(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        invitation = await client.ask(
            b"POST / HTTP/1.1\r\nhost: test\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
        )
        answer = await client.ask(b"ok")
    assert (invitation.status, answer.body) == (100, b"POST /? ok")


@pytest.mark.parametrize("is_stream", [False, True])
async def test_cancels_the_handler_when_the_client_leaves(serve: Serve, is_stream: bool) -> None:
    gate = Gate(is_stream=is_stream)
    server = await serve(gate)
    async with WireClient(server.host, server.port) as client:
        client.send(get())
        await gate.begun.wait()
    async with asyncio.timeout(2):
        await gate.cancelled.wait()
    assert gate.cancelled.is_set()


async def test_cancels_the_handler_when_the_client_resets(serve: Serve) -> None:
    gate = Gate(is_stream=True)
    server = await serve(gate)
    async with WireClient(server.host, server.port) as client:
        client.send(get())
        await gate.begun.wait()
        client.reset()
        async with asyncio.timeout(2):
            await gate.cancelled.wait()
    assert gate.cancelled.is_set()


async def test_answers_500_for_a_handler_that_fails(serve: Serve) -> None:
    server = await serve(fail)
    async with WireClient(server.host, server.port) as client:
        answer = await client.ask(get())
    assert answer.status == 500


async def test_answers_400_to_what_is_not_http(serve: Serve) -> None:
    server = await serve(echo)
    async with WireClient(server.host, server.port) as client:
        answer = await client.ask(b"not http at all\r\n\r\n")
        rest = await client.rest()
    assert (answer.status, rest) == (400, b"")


async def test_drain_lets_a_unary_answer_finish_and_closes_after_it(serve: Serve) -> None:
    gate = Gate()
    server = await serve(gate)
    async with WireClient(server.host, server.port) as client:
        client.send(get())
        await gate.begun.wait()
        draining = asyncio.ensure_future(server.drain(5))
        await asyncio.sleep(0)
        gate.opened.set()
        answer = await client.answer()
        rest = await client.rest()
        await draining
    assert (answer.headers[b"connection"], answer.body, rest) == (b"close", b"opened", b"")


async def test_drain_lets_a_stream_finish(serve: Serve) -> None:
    gate = Gate(is_stream=True)
    server = await serve(gate)
    async with WireClient(server.host, server.port) as client:
        client.send(get())
        assert (await client.head())[0] == 200
        assert await client.chunk() == b"first"
        draining = asyncio.ensure_future(server.drain(5))
        await asyncio.sleep(0)
        gate.opened.set()
        pieces = [await client.chunk(), await client.chunk()]
        client.reset()
        await draining
    assert pieces == [b"last", b""]


async def test_drain_stops_accepting(serve: Serve) -> None:
    server = await serve(echo)
    await server.drain(1)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(server.host, server.port)
