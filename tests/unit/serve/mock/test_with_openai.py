"""The official client against a mock server on a real socket: every shape is one that it knows."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import openai
import pytest

from turnout.serve.mock.script import parse_script
from turnout.serve.mock.server import MockConfig, run_mock

ASKED: list[Any] = [{"role": "user", "content": "hi there"}]


@asynccontextmanager
async def client(is_strict: bool = True, **model: Any) -> AsyncGenerator[openai.AsyncOpenAI, None]:
    stopped = asyncio.Event()
    ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    config = MockConfig(parse_script({"models": {"m": model}}))
    server = asyncio.ensure_future(
        run_mock(config, stopped, lambda host, port: ready.set_result(f"http://{host}:{port}/v1"))
    )
    try:
        async with openai.AsyncOpenAI(
            base_url=await ready, api_key="k", max_retries=0, _strict_response_validation=is_strict
        ) as opened:
            yield opened
    finally:
        stopped.set()
        await server


async def test_a_chat_is_one() -> None:
    async with client() as mock:
        answer = await mock.chat.completions.create(model="m", messages=ASKED)
    assert answer.choices[0].message.content == "Hello! I am a scripted model, and this is what I always say."
    assert answer.usage is not None
    assert answer.usage.total_tokens == 15


async def test_a_streamed_chat_is_one() -> None:
    async with client() as mock:
        stream = await mock.chat.completions.create(
            model="m", messages=ASKED, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices).endswith("always say.")
    assert chunks[-2].choices[0].finish_reason == "stop"
    assert chunks[-1].usage is not None


async def test_tool_calls_are_ones() -> None:
    tools: list[Any] = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    async with client(tool_calls=[{"name": "f", "arguments": '{"a": 1}'}]) as mock:
        answer = await mock.chat.completions.create(model="m", messages=ASKED, tools=tools)
        async with mock.chat.completions.stream(model="m", messages=ASKED, tools=tools) as stream:
            final = await stream.get_final_completion()
    for each in (answer, final):
        (call,) = each.choices[0].message.tool_calls or []
        assert (call.type, call.function.arguments) == ("function", '{"a": 1}')


async def test_completions_are_ones_whole_and_streamed() -> None:
    # Not strict: the API sends a null finish_reason in chunks, which the client's own types don't allow.
    async with client(is_strict=False, text={"kind": "echo"}) as mock:
        answer = await mock.completions.create(model="m", prompt=["one two", "three"])
        stream = await mock.completions.create(model="m", prompt="one two", stream=True)
        pieces = [chunk.choices[0].text async for chunk in stream]
    assert [choice.text for choice in answer.choices] == ["one two", "three"]
    assert "".join(pieces) == "one two"


@pytest.mark.parametrize("encoding", ["float", "base64"])
async def test_embeddings_have_unit_length_and_depend_on_the_text_alone(encoding: Any) -> None:
    # Not strict: the client asks for base64, which its own types don't allow either.
    async with client(is_strict=False, embedding_dims=64) as mock:
        answer = await mock.embeddings.create(model="m", input=["a", "b", "a"], encoding_format=encoding)
        short = await mock.embeddings.create(model="m", input="a", dimensions=8)
    a, b, again = ([*each.embedding] for each in answer.data) if encoding == "float" else _decoded(answer)
    assert len(a) == 64
    assert a == again != b
    assert sum(each * each for each in a) == pytest.approx(1, abs=1e-5)
    assert len(short.data[0].embedding) == 8


def _decoded(answer: Any) -> list[list[float]]:
    return [np.frombuffer(base64.b64decode(each.embedding), "<f4").tolist() for each in answer.data]


async def test_models_are_listed() -> None:
    async with client() as mock:
        listed = await mock.models.list()
    assert [each.id for each in listed.data] == ["m"]


@pytest.mark.parametrize(
    ("mock_header", "error"),
    [
        ("status=429", openai.RateLimitError),
        ("status=500", openai.InternalServerError),
        ("status=401", openai.AuthenticationError),
        ("context_length", openai.BadRequestError),
        ("reset", openai.APIConnectionError),
        ("reset; after_tokens=1", openai.APIConnectionError),
    ],
)
async def test_faults_are_the_clients_own_errors(mock_header: str, error: type[Exception]) -> None:
    async with client() as mock:
        with pytest.raises(error):
            await mock.chat.completions.create(model="m", messages=ASKED, extra_headers={"x-mock": mock_header})


async def test_a_reset_in_mid_stream_is_seen_as_one() -> None:
    async with client() as mock:
        stream = await mock.chat.completions.create(
            model="m", messages=ASKED, stream=True, extra_headers={"x-mock": "reset; after_tokens=3"}
        )
        said = ""
        with pytest.raises(openai.APIConnectionError):  # noqa: PT012 (what came before the break counts)
            async for chunk in stream:
                said += chunk.choices[0].delta.content or ""
    assert said == "Hello! I am"
