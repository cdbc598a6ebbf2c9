"""One listening socket for the edges of a cluster on a node, and nobody else's."""

import asyncio
import os
import socket
import sys
from collections import Counter

import pytest

from tests.contracts.edge.handlers import TEXT, echo
from tests.contracts.edge.servers import ServeOwn
from tests.contracts.edge.wire import WireClient, get
from turnout.models.exchange import Handler, Out, RequestHead
from turnout.serve.edge.config import EdgeConfig, ShareConfig
from turnout.serve.edge.edge import Edge

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="descriptors are handed over abstract unix sockets")

REPLICA = """
import asyncio, sys
from turnout.serve.edge.config import EdgeConfig, ShareConfig
from turnout.serve.edge.edge import Edge

async def answer(head, body, out):
    out.full(200, (), b"child")

async def main():
    share = ShareConfig(sys.argv[2], {"metrics": lambda: b"child metrics"})
    async with Edge(answer, EdgeConfig("127.0.0.1", int(sys.argv[1]), share=share)) as edge:
        print(edge.port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
"""


def named(name: bytes) -> Handler:
    async def answer(head: RequestHead, body: bytes, out: Out) -> None:
        out.full(200, TEXT, name)

    return answer


def shared(port: int, cluster: str, **answers: bytes) -> EdgeConfig:
    calls = {question: lambda answer=answer: answer for question, answer in answers.items()}
    return EdgeConfig("127.0.0.1", port, share=ShareConfig(cluster, calls))


async def test_two_edges_of_a_cluster_share_a_port_and_its_connections(serve_own: ServeOwn) -> None:
    first = await serve_own(named(b"1"), shared(0, "share-a"))
    second = await serve_own(named(b"2"), shared(first.port, "share-a"))
    assert (second.port, first.has_siblings, second.has_siblings) == (first.port, True, True)
    clients = [WireClient(first.host, first.port) for _ in range(32)]
    for client in clients:
        await client.__aenter__()
    counts = Counter([(await client.ask(get())).body for client in clients])
    for client in clients:
        client.reset()
    assert min(counts[b"1"], counts[b"2"]) >= 8


async def test_the_port_goes_on_when_the_edge_that_opened_it_is_gone(serve_own: ServeOwn) -> None:
    first = await serve_own(named(b"1"), shared(0, "share-b"))
    second = await serve_own(named(b"2"), shared(first.port, "share-b"))
    await first.close()
    async with WireClient(second.host, second.port) as client:
        assert (await client.ask(get())).body == b"2"


async def test_another_process_of_the_cluster_shares_the_port_and_answers_questions(serve_own: ServeOwn) -> None:
    edge = await serve_own(named(b"parent"), shared(0, "share-c"))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        REPLICA,
        str(edge.port),
        "share-c",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert int(await asyncio.wait_for(child.stdout.readline(), 30)) == edge.port
    assert await edge.ask_siblings("metrics", timeout_s=5) == [b"child metrics"]
    await edge.drain(0.1)
    async with WireClient(edge.host, edge.port) as client:
        assert (await client.ask(get())).body == b"child"
    child.stdin.close()
    assert await asyncio.wait_for(child.wait(), 30) == 0


async def test_a_sibling_that_is_killed_is_forgotten(serve_own: ServeOwn) -> None:
    edge = await serve_own(named(b"parent"), shared(0, "share-k"))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        REPLICA,
        str(edge.port),
        "share-k",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    await asyncio.wait_for(child.stdout.readline(), 30)
    assert edge.has_siblings
    child.kill()
    await child.wait()
    assert await edge.ask_siblings("metrics") == []
    assert not edge.has_siblings
    async with WireClient(edge.host, edge.port) as client:
        assert (await client.ask(get())).body == b"parent"


async def test_another_cluster_on_the_port_is_an_error_that_names_both(serve_own: ServeOwn) -> None:
    edge = await serve_own(echo, shared(0, "share-d"))
    with pytest.raises(OSError, match=rf"port {edge.port} is held by the cluster 'share-d'"):
        await Edge(echo, shared(edge.port, "share-e")).start()


async def test_another_program_on_the_port_is_an_error_that_names_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = foreign.getsockname()[1]
        with pytest.raises(OSError, match=rf"port {port} is held by another program"):
            await Edge(echo, shared(port, "share-f")).start()
        with pytest.raises(OSError, match=rf"port {port}"):
            await Edge(echo, EdgeConfig("127.0.0.1", port)).start()


async def test_siblings_answer_questions_and_the_silent_are_left_out(serve_own: ServeOwn) -> None:
    first = await serve_own(echo, shared(0, "share-g", metrics=b"one"))
    second = await serve_own(echo, shared(first.port, "share-g", metrics=b"two"))
    third = await serve_own(echo, shared(first.port, "share-g"))
    assert await first.ask_siblings("metrics") == [b"two"]
    assert sorted(await third.ask_siblings("metrics")) == [b"one", b"two"]
    assert await second.ask_siblings("unknown") == []


async def test_a_sibling_that_hangs_costs_no_more_than_the_timeout(serve_own: ServeOwn) -> None:
    first = await serve_own(echo, shared(0, "share-h", metrics=b"one"))
    with socket.socket(socket.AF_UNIX) as stuck:
        stuck.bind(f"\0turnout/share-h/{first.port}/{os.getpid()}/999")
        stuck.listen(1)
        second = await serve_own(echo, shared(first.port, "share-h"))
        async with asyncio.timeout(3):
            assert await second.ask_siblings("metrics", timeout_s=0.05) == [b"one"]


async def test_a_visitor_that_asks_for_nothing_gets_nothing(serve_own: ServeOwn) -> None:
    edge = await serve_own(echo, shared(0, "share-i"))
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX) as visitor:
        visitor.setblocking(False)
        await loop.sock_connect(visitor, f"\0turnout/share-i/{edge.port}/{os.getpid()}/0")
        await loop.sock_sendall(visitor, b"what have you got\n")
        assert await asyncio.wait_for(loop.sock_recv(visitor, 10), 5) == b""


@pytest.mark.parametrize("cluster", ["", "a/b", "a b", "x" * 49])
def test_a_cluster_id_that_cannot_be_part_of_a_name_is_refused(cluster: str) -> None:
    with pytest.raises(ValueError, match="cluster id"):
        ShareConfig(cluster)
