"""What everything promises that embeds texts for the gateway: the fake that tests use, and the call to a pool."""

import base64
import json
from collections.abc import Callable

import numpy as np
import pytest

from tests.fakes import FakeUpstream, endpoints, outcome
from tests.fakes_embedding import FakeEmbedding
from turnout.models.exchange import Out
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import Outcome, UpstreamRequest
from turnout.router.catalogue import Catalogue, ModelRoute
from turnout.router.embedding import Embedded, EmbedText
from turnout.router.plan.fleet import Fleet
from turnout.serve.pool_embeddings import PoolEmbeddings

VECTOR = np.array([0.6, 0.8], dtype=np.float32)


def make_fake() -> EmbedText:
    fake = FakeEmbedding()
    fake.known = {"known": Embedded(VECTOR, "minilm-1")}
    return fake


def make_pool() -> EmbedText:
    async def play(endpoint: Endpoint, request: UpstreamRequest, out: Out) -> Outcome:
        if json.loads(request.body)["input"] != "known":
            return outcome(500, body=b"broken")
        encoded = base64.b64encode(VECTOR.tobytes()).decode()
        out.full(200, (), json.dumps({"data": [{"embedding": encoded}]}).encode())
        return outcome(200, headers=((b"x-turnout-embedder", b"minilm-1"),), is_committed=True)

    fleet, target = Fleet(), Target("emb", "minilm", "openai_compatible", pool="pool", is_local=True)
    fleet.set_catalogue(Catalogue("v", {"minilm": ModelRoute("minilm", (target,))}, {}))
    fleet.set_pool("pool", endpoints("a"))
    return PoolEmbeddings(fleet, FakeUpstream(play))


@pytest.mark.parametrize("make", [make_fake, make_pool])
async def test_a_text_becomes_a_vector_with_the_name_of_what_made_it(make: Callable[[], EmbedText]) -> None:
    found = await make().embed("minilm", "known")
    assert found is not None
    assert found.embedder == "minilm-1"
    assert (found.vector.dtype, found.vector.tolist()) == (np.float32, VECTOR.tolist())


@pytest.mark.parametrize("make", [make_fake, make_pool])
async def test_what_fails_is_none_and_raises_nothing(make: Callable[[], EmbedText]) -> None:
    assert await make().embed("minilm", "unknown") is None
