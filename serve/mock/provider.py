"""The routes of a mock provider."""

import asyncio
import hmac
import random
import time
from collections.abc import Callable
from typing import Literal, TypeVar
from urllib.parse import parse_qs

import msgspec

from turnout.models.errors import (
    BadRequest,
    ContextLengthExceeded,
    MethodNotAllowed,
    ModelNotFound,
    NotFound,
    TurnoutError,
    Unauthorized,
)
from turnout.models.exchange import JSON_HEADERS, Out, RequestHead
from turnout.serve.mock.ask import ChatAsk, CompletionAsk, EmbeddingAsk
from turnout.serve.mock.embeddings import make_embeddings
from turnout.serve.mock.override import HEADER, Override, parse_override
from turnout.serve.mock.play import Pause, play
from turnout.serve.mock.rate_limit import Gate, GatedOut
from turnout.serve.mock.record import Record, Seen
from turnout.serve.mock.reply import make_reply
from turnout.serve.mock.script import Fault, MockScript, ModelScript, parse_script
from turnout.serve.mock.shapes import ChatShape, CompletionShape

_Ask = TypeVar("_Ask", bound=msgspec.Struct)

_ROUTES = {
    b"/v1/chat/completions": b"POST",
    b"/v1/completions": b"POST",
    b"/v1/embeddings": b"POST",
    b"/v1/models": b"GET",
    b"/_mock/script": b"GET, PUT",
    b"/_mock/stats": b"GET",
    b"/_mock/requests": b"GET",
}


class MockProvider:
    """
    A `Handler` that answers as its script says; owns the script, which may be changed while it runs, and the record of what was asked.

    `GET` and `PUT /_mock/script` show and change the script (a new one starts counting anew), `GET /_mock/stats` shows counters,
    `GET /_mock/requests` the last requests (`?model=NAME`: those to one model). These need no key: a mock belongs on loopback.
    """

    def __init__(
        self,
        script: MockScript,
        *,
        pause: Pause = asyncio.sleep,
        wall: Callable[[], float] = time.time,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        kept_requests: int = 100,
    ) -> None:
        """
        Args:
            script: what it does.
            pause: waits so many seconds.
            wall: seconds since 1970, for `created`.
            clock_ns: monotonic; a script's age and the times of requests go by it.
            kept_requests: how many of the last requests are shown.
        """
        self._script = script
        self._pause = pause
        self._wall = wall
        self._clock_ns = clock_ns
        self._kept_requests = kept_requests
        self._record = Record(kept_requests, clock_ns)
        self._gates: dict[str, Gate] = {}

    def __repr__(self) -> str:
        return f"MockProvider({', '.join(self._script.models)}; {self._record!r})"

    async def __call__(self, head: RequestHead, body: bytes, out: Out) -> None:
        """Answer one request."""
        try:
            allowed = _ROUTES.get(head.path)
            if allowed is None:
                raise NotFound(f"a mock provider has no route {head.path.decode('latin-1')!r}")
            if head.method not in allowed.split(b", "):
                raise MethodNotAllowed(f"this route takes {allowed.decode()}")
            if head.path.startswith(b"/_mock/"):
                out.full(200, JSON_HEADERS, self._control(head, body))
            else:
                await self._answer(head, body, out)
        except TurnoutError as error:
            if not head.path.startswith(b"/_mock/"):
                self._record.note_answer(error.status, None)
            out.full(error.status, JSON_HEADERS, error.to_json())

    def _control(self, head: RequestHead, body: bytes) -> bytes:
        if head.path == b"/_mock/stats":
            return msgspec.json.encode(self._record.stats())
        if head.path == b"/_mock/requests":
            named = parse_qs(head.query.decode("latin-1")).get("model")
            return msgspec.json.encode(self._record.requests(named[0] if named else None))
        if head.method == b"PUT":
            try:
                self._script = parse_script(msgspec.json.decode(body))
            except ValueError as error:  # msgspec's and pydantic's errors are
                raise BadRequest(f"not a script: {error}") from error
            self._record = Record(self._kept_requests, self._clock_ns)
            self._gates = {}
        return self._script.model_dump_json().encode()

    async def _answer(self, head: RequestHead, body: bytes, out: Out) -> None:
        record = self._record
        seen = record.note_request(head, body)
        end: Literal["answered", "left"] = "answered"
        try:
            self._check_key(head)
            if head.path == b"/v1/models":
                self._list_models(out)
            elif head.path == b"/v1/embeddings":
                self._embed(_decode(body, EmbeddingAsk), out)
            elif head.path == b"/v1/completions":
                await self._complete(head, _decode(body, CompletionAsk), out, seen)
            else:
                await self._complete(head, _decode(body, ChatAsk), out, seen)
        except asyncio.CancelledError:
            end = "left"
            raise
        finally:
            record.note_end(seen, end)

    async def _complete(self, head: RequestHead, ask: ChatAsk | CompletionAsk, out: Out, seen: Seen) -> None:
        name, script = self._find(ask.model)
        seen.model = name
        record = self._record
        wanted = parse_override(head.headers[HEADER]) if HEADER in head.headers else Override()
        script = wanted.apply(script.at_age(record.age_s))
        number = record.count(name)
        if script.requests_per_minute is not None:
            script, out = self._limit(name, script, script.requests_per_minute, out)
        if script.context_tokens is not None and ask.prompt_tokens > script.context_tokens:
            raise ContextLengthExceeded(
                f"This model's maximum context length is {script.context_tokens} tokens. "
                f"However, your messages resulted in {ask.prompt_tokens} tokens.",
                "messages",
            )
        topic = f"{self._script.seed} {name}"
        reply = make_reply(ask, script, number, random.Random(f"{topic} {number}"), topic)
        created_s = int(self._wall())
        shape = ChatShape(reply, created_s) if isinstance(ask, ChatAsk) else CompletionShape(reply, created_s)
        status = await play(reply, shape, ask.stream, out, self._pause)
        record.note_answer(status, reply.fault.do if reply.fault else None)

    def _limit(self, name: str, script: ModelScript, per_minute: int, out: Out) -> tuple[ModelScript, Out]:
        """The script for a request that counts against the model's limit, and an Out that tells of it."""
        gate = self._gates.get(name)
        if gate is None:
            gate = self._gates[name] = Gate(per_minute, self._clock_ns)
        if not gate.try_enter():
            refusal = Fault(do="status", status=429, retry_after_s=gate.retry_after_s())
            script = script.model_copy(update={"faults": (refusal,)})
        return script, GatedOut(out, gate)

    def _embed(self, ask: EmbeddingAsk, out: Out) -> None:
        name, script = self._find(ask.model)
        self._record.count(name)
        out.full(200, JSON_HEADERS, msgspec.json.encode(make_embeddings(ask, script, self._script.seed)))
        self._record.note_answer(200, None)

    def _list_models(self, out: Out) -> None:
        created_s = int(self._wall())
        models = [
            {"id": name, "object": "model", "created": created_s, "owned_by": "mock"}
            for name in self._script.models
            if name != "*"
        ]
        out.full(200, JSON_HEADERS, msgspec.json.encode({"object": "list", "data": models}))
        self._record.note_answer(200, None)

    def _find(self, model: str) -> tuple[str, ModelScript]:
        script = self._script.find(model)
        if script is None:
            raise ModelNotFound(f"The model {model!r} does not exist in this mock's script.", "model")
        return (model if model in self._script.models else "*"), script

    def _check_key(self, head: RequestHead) -> None:
        key = self._script.api_key
        if key is not None and not hmac.compare_digest(
            head.headers.get(b"authorization", b""), b"Bearer " + key.encode()
        ):
            raise Unauthorized("Incorrect API key provided.")


def _decode(body: bytes, kind: type[_Ask]) -> _Ask:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"the body isn't a request: {error}") from error
