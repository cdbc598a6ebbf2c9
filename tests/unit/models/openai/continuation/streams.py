"""Streams in the shapes of vLLM and OpenAI, an engine that always says the same, and a client that reads them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from tests.fakes import FakeOut
from turnout.models.exchange import Headers, Out
from turnout.models.openai.answer import AnswerScan
from turnout.models.openai.continuation.progress import Progress, read_progress
from turnout.models.openai.continuation.seam import Seam
from turnout.models.openai.continuation.transcript import Transcript
from turnout.models.openai.continuation.ways import Continuation
from turnout.models.openai.request import ApiRequest, Operation, parse_request
from turnout.models.target import Endpoint, Target
from turnout.models.upstream import UpstreamRequest

SSE: Headers = ((b"content-type", b"text/event-stream"),)
PROMPT_IDS = [1, 9906, 198]
MODEL = msgspec.Raw(b'"served"')
POOL = Target("pool", "served", "openai_compatible", pool="engines", is_local=True)
REPLICA = Endpoint("replica-2", "127.0.0.1", 8000, context_tokens=4096)
REMOTE = Target("remote", "gpt", "openai_compatible")


def chat(**fields: Any) -> ApiRequest:
    """A chat request for a stream."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True, **fields}
    return parse_request(Operation.CHAT, json.dumps(body).encode())


def completions(**fields: Any) -> ApiRequest:
    """A completions request for a stream."""
    return parse_request(
        Operation.COMPLETIONS, json.dumps({"model": "m", "prompt": "Once", "stream": True, **fields}).encode()
    )


def body_of(request: UpstreamRequest) -> dict[str, Any]:
    return dict(json.loads(request.body))


def encode(document: dict[str, Any], comments: bytes = b"") -> bytes:
    return comments + b"data: " + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


@dataclass(frozen=True)
class Engine:
    """
    An engine with token comments that goes on with its one answer from wherever the prompt's ids end.

    `tokens` are ids with the text that each completes: "" for the first parts of a character.
    """

    tokens: Sequence[tuple[int, str]]
    name: str = "chatcmpl-1"

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.tokens)

    def chat(self, has_comments: bool = True) -> list[bytes]:
        """The events of a chat stream, usage and `[DONE]` with them."""
        lead = b":p %s\n" % json.dumps(PROMPT_IDS).encode() if has_comments else b""
        opening = {"index": 0, "delta": {"role": "assistant", "content": ""}, "logprobs": None, "finish_reason": None}
        events = [encode(self._chunk("chat.completion.chunk", [opening]), lead)]
        for at, (token, text) in enumerate(self.tokens):
            choice = {"index": 0, "delta": {"content": text}, "logprobs": None, "finish_reason": self._finish(at)}
            line = b":t [%d]\n" % token if has_comments else b""
            events.append(encode(self._chunk("chat.completion.chunk", [choice]), line))
        return [*events, self._usage("chat.completion.chunk", len(PROMPT_IDS), len(self.tokens)), b"data: [DONE]\n\n"]

    def completions(self, ids: Sequence[int]) -> list[bytes]:
        """The events that answer a prompt of these ids, which ends somewhere in this engine's answer."""
        begun = list(ids[len(PROMPT_IDS) :])
        assert list(ids[: len(PROMPT_IDS)]) == PROMPT_IDS
        assert begun == [token for token, _ in self.tokens[: len(begun)]], "a prompt that this engine didn't write"
        assert not begun or self.tokens[len(begun) - 1][1], "a prompt that ends inside a character"
        events: list[bytes] = []
        for at, (token, text) in list(enumerate(self.tokens))[len(begun) :]:
            lead = b":p %s\n" % json.dumps(list(ids)).encode() if not events else b""
            choice = {
                "index": 0,
                "text": text,
                "logprobs": None,
                "finish_reason": self._finish(at),
                "stop_reason": None,
            }
            events.append(encode(self._chunk("text_completion", [choice]), lead + b":t [%d]\n" % token))
        usage = self._usage("text_completion", len(ids), len(self.tokens) - len(begun))
        return [*events, usage, b"data: [DONE]\n\n"]

    def _finish(self, at: int) -> str | None:
        return "stop" if at == len(self.tokens) - 1 else None

    def _usage(self, kind: str, prompt: int, output: int) -> bytes:
        usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
        return encode({**self._chunk(kind, []), "usage": usage})

    def _chunk(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.name, "object": kind, "created": 1700000000, "model": "served", "choices": choices}


def remote_chat(
    pieces: Iterable[str],
    name: str = "chatcmpl-far",
    finish: str | None = "stop",
    model: str = "gpt-4o-mini-2024-07-18",
) -> list[bytes]:
    """The events of OpenAI's chat stream: a role, pieces, a finish, usage."""

    def chunk(delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        return encode({**head, "choices": [choice], "usage": None, "obfuscation": "hT2"})

    head = {"id": name, "object": "chat.completion.chunk", "created": 1800000000, "model": model}
    listed = list(pieces)
    usage = {"prompt_tokens": 50, "completion_tokens": len(listed), "total_tokens": 50 + len(listed)}
    return [
        chunk({"role": "assistant", "content": "", "refusal": None}),
        *(chunk({"content": piece}) for piece in listed),
        *([chunk({}, finish)] if finish else []),
        encode({**head, "choices": [], "usage": usage}),
        b"data: [DONE]\n\n",
    ]


class Client:
    """What one client gets, from one upstream after another."""

    def __init__(self, request: ApiRequest) -> None:
        self._request = request
        self.out = FakeOut()
        self.out.start(200, SSE)
        self.transcript = Transcript(self.out)

    def receive(self, blocks: Iterable[bytes], is_cut: bool = True) -> Progress:
        """The first upstream's stream."""
        return self._play(self.transcript, blocks, is_cut)

    def go_on(self, way: Continuation, blocks: Iterable[bytes], is_cut: bool = False) -> Progress:
        """Another upstream's, joined on."""
        return self._play(Seam(way, self._request, self.progress, self.transcript), blocks, is_cut)

    @property
    def progress(self) -> Progress:
        return read_progress(self._request, self.transcript)

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = [line for line in self.out.body.split(b"\n\n") if line]
        assert all(line.startswith(b"data: ") for line in lines), "a client sees nothing but data"
        return [json.loads(line[6:]) for line in lines if line != b"data: [DONE]"]

    @property
    def text(self) -> str:
        choices = [choice for event in self.events for choice in event["choices"]]
        return "".join(choice.get("text") or choice.get("delta", {}).get("content") or "" for choice in choices)

    def _play(self, out: Out, blocks: Iterable[bytes], is_cut: bool) -> Progress:
        scan = AnswerScan(out, hides_usage=not self._request.wants_usage, note_usage=lambda usage: None)
        if out is not self.transcript:
            scan.start(200, SSE)
        for block in blocks:
            scan.write(block)
        if not is_cut:
            scan.end()
        return self.progress
