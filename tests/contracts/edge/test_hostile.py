"""The table of hostile requests, against our edge: each gets its refusal, nothing reaches a handler, and the next good request is served."""

import pytest

from tests.contracts.edge.servers import ServeOwn
from tests.contracts.edge.wire import WireClient, get, post
from turnout.benchmarks.hostile import LIMITS, Verdict, answer_ok, probe
from turnout.benchmarks.hostile_requests import ALL, HEADER_BYTES, HONEST, HostileRequest
from turnout.models.exchange import Out, RequestHead
from turnout.serve.edge.config import EdgeConfig, EdgeLimits

HOSTILE = [each for each in ALL if each not in HONEST]


@pytest.mark.parametrize("request_", HOSTILE, ids=lambda each: each.name)
async def test_a_hostile_request_is_refused_and_the_next_good_one_served(
    serve_own: ServeOwn, request_: HostileRequest
) -> None:
    seen: list[bytes] = []

    async def remember(head: RequestHead, body: bytes, out: Out) -> None:
        seen.append(head.path)
        await answer_ok(head, body, out)

    limits = EdgeLimits(header_s=0.1, body_gap_s=0.1, body_bytes=LIMITS.body_bytes, sweep_s=0.02)
    edge = await serve_own(remember, EdgeConfig("127.0.0.1", 0, limits))
    assert await probe(edge.host, edge.port, request_.data) == Verdict((request_.expected,), is_closed=True)
    assert seen == []
    async with WireClient(edge.host, edge.port) as client:
        assert (await client.ask(get())).status == 200


@pytest.mark.parametrize("request_", HONEST, ids=lambda each: each.name)
async def test_an_odd_but_honest_request_is_served(serve_own: ServeOwn, request_: HostileRequest) -> None:
    edge = await serve_own(answer_ok)
    assert await probe(edge.host, edge.port, request_.data) == Verdict((200,), is_closed=False)


def test_the_table_names_each_request_once_and_keeps_to_the_limits_of_the_edge() -> None:
    assert len({each.name for each in ALL}) == len(ALL)
    assert LIMITS.header_bytes == HEADER_BYTES


async def test_a_413_reaches_a_client_that_sends_its_whole_body_before_it_reads(serve_own: ServeOwn) -> None:
    edge = await serve_own(answer_ok, EdgeConfig("127.0.0.1", 0, EdgeLimits(body_bytes=1_000_000)))
    async with WireClient(edge.host, edge.port) as client:
        client.send(post(b"x" * 20_000_000))
        await client.writer.drain()
        answer = await client.answer()
        rest = await client.rest()
    assert (answer.status, rest) == (413, b"")
    assert answer.headers[b"connection"] == b"close"
    assert b'"type":"invalid_request_error"' in answer.body
