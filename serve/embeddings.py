"""OpenAI's `/v1/embeddings` over an embedding model of our own."""

import asyncio
import base64
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from turnout.models.embedding.coalescer import Coalescer, Vector
from turnout.models.embedding.embedder import Embedder, Tokens
from turnout.models.errors import BadRequest, ContextLengthExceeded, ModelNotFound, TurnoutError
from turnout.models.exchange import JSON_HEADERS, Headers, Out, RequestHead
from turnout.models.openai.request import Operation, parse_request
from turnout.models.openai.schema import EmbeddingBody
from turnout.serve.front import refuse

FINGERPRINT = b"x-turnout-embedder"
"""In the header of answers: which model made the vectors, for whoever compares them."""

MAX_TEXTS = 2048
"""In one request. Source: OpenAI's API reference for `/v1/embeddings`, `input`."""

ON_LOOP_TEXTS, ON_LOOP_CHARACTERS = 16, 8192
"""Up to here tokenising and encoding take less than 5 ms together and stay on the event loop; above they go to a thread."""

Result = TypeVar("Result")


class EmbeddingsRoute:
    """A handler of `POST /v1/embeddings` for one model."""

    def __init__(self, served_name: str, embedder: Embedder, coalescer: Coalescer, fingerprint: str) -> None:
        """
        Args:
            served_name: what requests call the model.
            embedder: the model.
            coalescer: runs it.
            fingerprint: which model it is; told in the header of every answer.
        """
        self._served_name = served_name
        self._headers: Headers = (*JSON_HEADERS, (FINGERPRINT, fingerprint.encode()))
        self._embedder = embedder
        self._coalescer = coalescer

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        """Answer one request; what's wrong with it is told as OpenAI does, with status 400, 404 or 503."""
        del head
        try:
            answer = await self._answer(body)
        except TurnoutError as error:
            refuse(out, error)
        else:
            out.full(200, self._headers, answer)

    async def _answer(self, body: bytes) -> bytes:
        request = self._read(body)
        texts = _get_texts(request)
        is_large = len(texts) > ON_LOOP_TEXTS or len(body) > ON_LOOP_CHARACTERS
        tokens = await _run(is_large, lambda: self._embedder.tokenize(texts))
        if request.truncate_prompt_tokens is not None:
            tokens = self._cut(tokens, request.truncate_prompt_tokens)
        self._check_lengths(tokens)
        vectors = await self._coalescer.embed(tokens)
        count = sum(map(len, tokens))
        return await _run(
            is_large, lambda: _encode(vectors, request.encoding_format == "base64", self._served_name, count)
        )

    def _read(self, body: bytes) -> EmbeddingBody:
        parse_request(Operation.EMBEDDINGS, body)
        request = msgspec.json.decode(body, type=EmbeddingBody)
        if request.model != self._served_name:
            raise ModelNotFound(f"there's no model {request.model!r} here, only {self._served_name!r}", "model")
        if request.dimensions not in (None, self._embedder.dimensions):
            raise BadRequest(
                f"this model makes vectors of {self._embedder.dimensions} dimensions, not {request.dimensions}; leave 'dimensions' out",
                "dimensions",
            )
        return request

    def _cut(self, tokens: Sequence[Tokens], asked: int) -> Sequence[Tokens]:
        most = self._embedder.max_tokens if asked < 1 else min(asked, self._embedder.max_tokens)
        return [each[:most] for each in tokens]

    def _check_lengths(self, tokens: Sequence[Tokens]) -> None:
        for number, each in enumerate(tokens):
            if len(each) > self._embedder.max_tokens:
                raise ContextLengthExceeded(
                    f"text {number} of 'input' has {len(each)} tokens; this model takes at most {self._embedder.max_tokens}",
                    "input",
                )


class _Item(msgspec.Struct):
    object: str
    index: int
    embedding: list[float] | str


class _Usage(msgspec.Struct):
    prompt_tokens: int
    total_tokens: int


class _Answer(msgspec.Struct):
    object: str
    data: list[_Item]
    model: str
    usage: _Usage


def _get_texts(request: EmbeddingBody) -> list[str]:
    texts = [request.input] if isinstance(request.input, str) else request.input
    if len(texts) > MAX_TEXTS:
        raise BadRequest(f"'input' has {len(texts)} texts; at most {MAX_TEXTS} fit one request", "input")
    strings = [text for text in texts if isinstance(text, str)]
    if len(strings) < len(texts):
        raise BadRequest("'input' has token ids, which are another model's; send text", "input")
    if "" in strings:
        raise BadRequest(f"text {strings.index('')} of 'input' is empty", "input")
    return strings


def _encode(vectors: Sequence[Vector], is_base64: bool, model: str, tokens: int) -> bytes:
    data = [
        _Item("embedding", index, _to_base64(vector) if is_base64 else vector.tolist())
        for index, vector in enumerate(vectors)
    ]
    return msgspec.json.encode(_Answer("list", data, model, _Usage(tokens, tokens)))


def _to_base64(vector: Vector) -> str:
    """Little-endian float32, as OpenAI's clients unpack it."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


async def _run(in_thread: bool, work: Callable[[], Result]) -> Result:
    return await asyncio.to_thread(work) if in_thread else work()
