"""`/v1/embeddings` over a stand-in for the model."""

import base64
import json
import struct

import pytest

from tests.fakes import FakeOut, head
from tests.fakes_embedding import FakeEmbedder
from turnout.models.embedding.coalescer import BatchLimits, Coalescer
from turnout.serve.embeddings import EmbeddingsRoute


@pytest.fixture
async def ask():
    model = FakeEmbedder()
    async with Coalescer(model, BatchLimits()) as coalescer:
        route = EmbeddingsRoute("minilm", model, coalescer, "minilm-1")

        async def ask(body: bytes | None = None, **fields) -> tuple[int, dict]:
            out = FakeOut()
            sent = json.dumps({"model": "minilm", "input": "hi", **fields}).encode() if body is None else body
            await route(head(b"/v1/embeddings"), sent, out)
            assert out.headers[b"content-type"] == b"application/json"
            assert out.status != 200 or out.headers[b"x-turnout-embedder"] == b"minilm-1"
            return out.status, json.loads(out.body)

        yield ask


HOT = [1.0 if place == ord("h") else 0.0 for place in range(128)]
"""What the stand-in makes of a text that begins with h."""


async def test_one_text_answers_as_openai_does(ask):
    assert await ask(input="hello") == (
        200,
        {
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": HOT}],
            "model": "minilm",
            "usage": {"prompt_tokens": 5, "total_tokens": 5},
        },
    )


async def test_many_texts_keep_their_order_and_add_up_their_tokens(ask):
    texts = [chr(number) * (number % 9 + 1) for number in range(1, 101)]
    status, answer = await ask(input=texts)
    assert status == 200
    assert [item["embedding"].index(1.0) for item in answer["data"]] == list(range(1, 101))
    assert [item["index"] for item in answer["data"]] == list(range(100))
    assert answer["usage"]["prompt_tokens"] == sum(map(len, texts))


async def test_base64_is_little_endian_float32(ask):
    status, answer = await ask(input="hello", encoding_format="base64")
    assert status == 200
    assert list(struct.unpack("<128f", base64.b64decode(answer["data"][0]["embedding"]))) == HOT


async def test_takes_every_documented_parameter(ask):
    status, _ = await ask(encoding_format="float", dimensions=128, user="u")
    assert status == 200


@pytest.mark.parametrize(
    ("fields", "status", "param", "said"),
    [
        ({"model": "other"}, 404, "model", "no model 'other'"),
        ({"dimensions": 2}, 400, "dimensions", "128 dimensions, not 2"),
        ({"input": []}, 400, "input", "length"),
        ({"input": ""}, 400, "input", "text 0 of 'input' is empty"),
        ({"input": ["a", ""]}, 400, "input", "text 1 of 'input' is empty"),
        ({"input": [1, 2, 3]}, 400, "input", "token ids"),
        ({"input": [[1], [2]]}, 400, "input", "token ids"),
        ({"input": {"a": 1}}, 400, "input", ""),
        ({"input": None}, 400, "input", ""),
        ({"input": ["a"] * 2049}, 400, "input", "at most 2048"),
        ({"input": ["a", "b" * 11]}, 400, "input", "text 1 of 'input' has 11 tokens"),
        ({"encoding_format": "hex"}, 400, "encoding_format", ""),
    ],
)
async def test_says_what_is_wrong_with_a_request(ask, fields, status, param, said):
    got, answer = await ask(**fields)
    assert got == status
    assert answer["error"]["param"] == param
    assert said in answer["error"]["message"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"x"', b"\xff", b'{"model": "minilm"}', b'{"input": "x"}', b"[" * 5000]
)
async def test_a_body_that_is_no_request_is_a_400(ask, body):
    status, answer = await ask(body)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(("most", "tokens"), [(-1, 10), (4, 4), (500, 10)])
async def test_a_text_that_is_too_long_is_cut_for_those_who_ask(ask, most, tokens):
    status, answer = await ask(input="h" * 50, truncate_prompt_tokens=most)
    assert (status, answer["usage"]["prompt_tokens"]) == (200, tokens)
    assert answer["data"][0]["embedding"] == HOT
