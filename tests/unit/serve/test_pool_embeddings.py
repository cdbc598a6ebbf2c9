"""The gateway's own embeddings: who is asked, with what, and what becomes of odd answers."""

import base64
import json

import numpy as np
import pytest

from tests.fakes import FakeUpstream, Script, answers, endpoints, fails, outcome
from turnout.models.exchange import Out
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Failure, Outcome, UpstreamRequest
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.plan.fleet import Fleet
from turnout.serve.pool_embeddings import PoolEmbeddings

POOL = Target("emb", "minilm-v2", "openai_compatible", pool="pool", is_local=True)
FAR = Target("far", "their-emb", "openai_compatible")


def fleet(*targets: Target) -> Fleet:
    made = Fleet()
    fixed = {target.name: tuple(endpoints(f"{target.name}:443")) for target in targets if target.pool is None}
    made.set_catalogue(Catalogue("v", {"minilm": ModelRoute("minilm", targets)}, fixed))
    made.set_pool("pool", endpoints("a", "b"))
    return made


def vectors(*numbers: float, mark: bytes = b"minilm-1") -> Script:
    encoded = base64.b64encode(np.array(numbers, dtype="<f4").tobytes()).decode()
    body = json.dumps({"object": "list", "data": [{"index": 0, "embedding": encoded}], "model": "x"}).encode()

    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        out.full(200, (), body)
        return outcome(200, headers=((b"x-turnout-embedder", mark),), is_committed=True)

    return play


async def test_a_replica_is_asked_for_the_text_cut_to_what_its_model_takes() -> None:
    upstream = FakeUpstream(vectors(0.6, 0.8))
    found = await PoolEmbeddings(fleet(POOL), upstream).embed("minilm", "hello")
    assert found is not None
    assert found.embedder == "minilm-1"
    assert found.vector.dtype == np.float32
    assert found.vector.tolist() == pytest.approx([0.6, 0.8])
    ((_, request, _),) = upstream.calls
    assert request.path == "/embeddings"
    asked = {"model": "minilm-v2", "input": "hello", "encoding_format": "base64", "truncate_prompt_tokens": -1}
    assert json.loads(request.body) == asked


async def test_the_least_busy_replica_is_asked_and_counts_it() -> None:
    crew = fleet(POOL)
    one, other = crew.candidates("minilm")
    upstream = FakeUpstream(vectors(1.0))
    with one:
        await PoolEmbeddings(crew, upstream).embed("minilm", "hello")
    assert upstream.calls[0][0] == other.endpoint
    assert (one.in_flight, other.in_flight) == (0, 0)


async def test_nobody_outside_the_cluster_is_asked() -> None:
    upstream = FakeUpstream(vectors(1.0))
    assert await PoolEmbeddings(fleet(FAR), upstream).embed("minilm", "hello") is None
    assert await PoolEmbeddings(fleet(POOL), upstream).embed("gone", "hello") is None
    assert upstream.calls == []


@pytest.mark.parametrize(
    "script",
    [
        fails(Failure.CONNECT),
        fails(Failure.FIRST_BYTE_TIMEOUT, was_sent=True),
        answers(b"{}"),
        answers(b"<html>"),
        answers(b'{"data":[]}'),
        answers(b'{"data":[{"embedding":"AAA"}]}'),
        answers(b'{"data":[{"embedding":"AAAA"}]}'),
        answers(b'{"data":[{"embedding":[0.5]}]}'),
    ],
)
async def test_what_is_no_embedding_is_none(script: Script) -> None:
    assert await PoolEmbeddings(fleet(POOL), FakeUpstream(script)).embed("minilm", "hello") is None
