"""Both load clients, the C one and the Python one, against small servers of the test's own."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from turnout.benchmarks.load.client import LoadClient, LoadFailed
from turnout.benchmarks.load.compiler import CLIENT, cache_folder, find_compiler, try_build
from turnout.benchmarks.load.plan import LoadPlan, LoadResult

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood"
Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(params=["c", "python"])
def client(request: pytest.FixtureRequest) -> LoadClient:
    if request.param == "python":
        return LoadClient(None)
    if find_compiler() is None:
        pytest.skip("no C compiler")
    return LoadClient(try_build(CLIENT, cache_folder(os.environ), find_compiler()))


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    """A server on loopback that reads whole requests and lets `answer` write; yields its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
                )
                await answer(head + await reader.readexactly(length), writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/chat/completions"


async def answer_ok(request: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(OK)


async def run(client: LoadClient, plan: LoadPlan) -> LoadResult:
    return await asyncio.to_thread(client.run, plan)


async def test_it_sends_so_many_requests_and_times_each(client: LoadClient) -> None:
    seen: list[bytes] = []

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(request)
        writer.write(OK)

    async with serving(answer) as url:
        result = await run(
            client, LoadPlan(url, b'{"a":1}', (("X-Test", "yes"),), 4, requests=200, expected="good", raw_samples=50)
        )
    assert (result.ok, result.sent, result.failed) == (200, 200, 0)
    assert len(seen) == 200
    assert seen[0].startswith(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:")
    assert b"\r\nX-Test: yes\r\n" in seen[0]
    assert seen[0].endswith(b'\r\n\r\n{"a":1}')
    assert result.latency is not None
    assert result.latency.n == 200
    assert 0 < result.latency.p50 <= result.latency.p99 <= result.latency.max
    assert len(result.latency_samples_us) == 50


async def test_open_loop_sends_at_its_rate(client: LoadClient) -> None:
    async with serving(answer_ok) as url:
        result = await run(client, LoadPlan(url, b"{}", connections=16, duration_s=1.0, rate=100))
    assert (result.ok, result.failed) == (100, 0)
    assert 0.98 <= result.elapsed_s < 3


async def test_open_loop_counts_the_wait_for_a_connection(client: LoadClient) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.05)
        writer.write(OK)

    async with serving(answer) as url:
        result = await run(client, LoadPlan(url, b"{}", connections=1, requests=10, rate=1000))
    assert result.ok == 10
    assert result.late == 9
    assert result.latency is not None
    assert result.latency.max >= 450_000


async def test_streams_are_timed_event_by_event(client: LoadClient) -> None:
    events = [b'data: {"n":1}\n\n', b'data: {"n":2}\n\n', b": comment\n\n", b"data: [DONE]\n\n"]

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for event in events:
            whole = b"%x\r\n%b\r\n" % (len(event), event)
            for start in range(0, len(whole), 7):  # chunks and lines may be cut anywhere
                writer.write(whole[start : start + 7])
                await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with serving(answer) as url:
        result = await run(client, LoadPlan(url, b"{}", connections=2, requests=6, expected="[DONE]"))
    assert (result.ok, result.streams, result.events, result.failed) == (6, 6, 12, 0)
    assert result.ttft is not None
    assert result.gap is not None
    assert (result.ttft.n, result.gap.n) == (6, 6)


@pytest.mark.parametrize(
    ("answer_bytes", "kind", "status"),
    [
        (b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", "status", 503),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", "body", 200),
    ],
)
async def test_bad_answers_are_told_apart(client: LoadClient, answer_bytes: bytes, kind: str, status: int) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(answer_bytes)

    async with serving(answer) as url:
        result = await run(client, LoadPlan(url, b"{}", requests=3, expected="good"))
    assert (result.ok, result.failed) == (0, 3)
    assert {(failure.kind, failure.status) for failure in result.failures} == {(kind, status)}


async def test_a_request_whose_connection_is_cut_is_lost_and_never_sent_again(client: LoadClient) -> None:
    count = 0

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        if count == 2:
            writer.transport.abort()
        else:
            writer.write(OK)

    async with serving(answer) as url:
        result = await run(client, LoadPlan(url, b"{}", requests=5))
    assert (count, result.ok, result.lost, result.sent) == (5, 4, 1, 5)
    failure = result.failures[0]
    assert failure.opened_ns < failure.planned_ns < failure.failed_ns


async def test_a_connection_that_says_close_is_replaced_without_loss(client: LoadClient) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ngood")
        writer.close()

    async with serving(answer) as url:
        result = await run(client, LoadPlan(url, b"{}", connections=2, requests=10))
    assert (result.ok, result.failed, result.reconnects) == (10, 0, 10)


async def test_what_is_never_answered_is_stuck(client: LoadClient) -> None:
    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        del request, writer

    async with serving(answer) as url:
        result = await run(client, LoadPlan(url, b"{}", connections=3, requests=3, give_up_s=0.5))
    assert (result.ok, result.stuck) == (0, 3)


async def test_a_closed_port_is_refused_at_a_bounded_pace(client: LoadClient) -> None:
    async with serving(answer_ok) as url:
        pass
    result = await run(client, LoadPlan(url, b"{}", duration_s=0.3))
    assert result.ok == 0
    assert 1 <= result.refused <= 60


async def test_a_stopped_run_waits_for_what_it_sent(client: LoadClient) -> None:
    asked, may_answer = asyncio.Event(), asyncio.Event()

    async def answer(request: bytes, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await may_answer.wait()
        writer.write(OK)

    async with serving(answer) as url:
        with client.start(LoadPlan(url, b"{}", connections=2, duration_s=60)) as load:
            await asyncio.wait_for(asked.wait(), 20)
            load.stop()
            may_answer.set()
            result = await asyncio.to_thread(load.wait)
    assert result.failed == 0
    assert result.ok >= 1
    assert result.elapsed_s < 30


async def test_a_client_that_is_left_is_ended(client: LoadClient) -> None:
    async with serving(answer_ok) as url:
        with client.start(LoadPlan(url, b"{}", duration_s=60)) as load:
            pass
        assert load.process.returncode == -signal.SIGKILL


def test_a_host_without_address_fails_with_what_the_client_says() -> None:
    if find_compiler() is None:
        pytest.skip("no C compiler")
    client = LoadClient(try_build(CLIENT, cache_folder(os.environ), find_compiler()))
    with pytest.raises(LoadFailed, match=r"host\.invalid"):
        client.run(LoadPlan("http://host.invalid/v1", b"{}", requests=1))


def test_a_client_without_compiler_says_so() -> None:
    assert "no C compiler" in LoadClient(None).description
