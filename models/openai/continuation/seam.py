"""Joins the events of a continuation to the answer that broke off, so that a client sees one answer."""

from asyncio import Future
from typing import Final

import msgspec

from turnout.models.exchange import Headers, Out
from turnout.models.openai.answer import DONE
from turnout.models.openai.continuation.events import Event, split_events
from turnout.models.openai.continuation.joint import Joint
from turnout.models.openai.continuation.progress import SEAM, Progress
from turnout.models.openai.continuation.ways import Continuation
from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.openai.token_comments import PROMPT

_Fields = dict[str, msgspec.Raw]
_fields = msgspec.json.Decoder(_Fields)
_choices = msgspec.json.Decoder(list[_Fields] | None)
_text = msgspec.json.Decoder(str | None)
_count = msgspec.json.Decoder(int | None)
_encode = msgspec.json.Encoder().encode
_NULL = msgspec.Raw(b"null")
_CHUNK = msgspec.Raw(b'"chat.completion.chunk"')
_EMPTY: Final = (_NULL, msgspec.Raw(b'""'), msgspec.Raw(b"[]"))
# A model asked to go on may think about being asked: that's no part of the answer.
_THOUGHTS: Final = ("reasoning", "reasoning_content", "reasoning_details")

_ENDS_TEXT: Final = ("tool_calls", "function_call", "refusal", "audio")
_IDS: Final = ("token_ids", "prompt_token_ids")


class Seam:
    """
    An Out that turns the events of a continuation into the rest of the first answer.

    They get its id and time, and the shape that the client asked for; the model stays the one that answers. The role isn't said twice. Usage covers
    the whole answer. Token comments stay, so that the rest can break off and be continued as well. What models repeat when they're asked in words is
    cut off. The head was sent long ago, so `start` isn't passed on.

    Attributes:
        is_stream: False once the upstream answered with something else than events; nothing of that is passed on.
    """

    __slots__ = ("_comments", "_created", "_id", "_joint", "_out", "_progress", "_turns_chunks", "_way", "is_stream")

    def __init__(self, way: Continuation, request: ApiRequest, progress: Progress, out: Out) -> None:
        is_chat = request.operation is Operation.CHAT
        is_by_words = way in (Continuation.PREFILL, Continuation.INSTRUCTION)
        self._way = way
        self._progress = progress
        self._out = out
        self._id = msgspec.Raw(_encode(progress.id))
        self._created = msgspec.Raw(_encode(progress.created))
        self._turns_chunks = is_chat and way is Continuation.TOKENS
        self._joint = Joint(progress.text) if is_chat and is_by_words else None
        self._comments = [SEAM]
        self.is_stream = True

    def full(self, status: int, headers: Headers, body: bytes) -> None:  # noqa: ARG002 (an Out's signature, here and below)
        """A whole answer is none to a stream; see `is_stream`."""
        self.is_stream = False

    def start(self, status: int, headers: Headers) -> None:  # noqa: ARG002
        """Look whether events follow."""
        self.is_stream = any(name == b"content-type" and b"text/event-stream" in value for name, value in headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Pass on what whole events say that's new."""
        if not self.is_stream:
            return None
        written = b"".join([self._turn(event) for event in split_events(chunk)])
        return self._out.write(written) if written else None

    def end(self) -> None:
        """Pass the end on."""
        if self.is_stream:
            self._out.end()

    def _turn(self, event: Event) -> bytes:
        """An event as the client gets it, with the comments of those before it that it doesn't get; b"" for none."""
        self._comments += [
            line for line in event.comments if self._way is not Continuation.TOKENS or not line.startswith(PROMPT)
        ]
        if event.payload is None:
            return b""
        if event.payload == b"[DONE]":
            return DONE
        try:
            fields = _fields.decode(event.payload)
            is_new = self._rewrite(fields)
        except msgspec.DecodeError:
            return b""
        if not is_new:
            return b""
        lines, self._comments = [*self._comments, b"data: " + _encode(fields)], []
        return b"\n".join(lines) + b"\n\n"

    def _rewrite(self, fields: _Fields) -> bool:
        """Make a chunk one of the first answer; False if it says nothing."""
        if self._progress.id:
            fields["id"], fields["created"] = self._id, self._created
        if self._turns_chunks:
            fields["object"] = _CHUNK
        usage = fields.get("usage", _NULL)
        if usage != _NULL:
            fields["usage"] = _add_usage(usage, self._progress)
        choices = _choices.decode(fields.get("choices", _NULL))
        if not choices:
            return True
        choice = choices[0]
        if self._turns_chunks:
            choice = _to_chat(choice)
        elif "delta" in choice and not self._rewrite_delta(choice):
            return False
        fields["choices"] = msgspec.Raw(_encode([choice]))
        return True

    def _rewrite_delta(self, choice: _Fields) -> bool:
        """Take the role and what's repeated out of a chat's delta; False if nothing is left."""
        delta = _fields.decode(choice["delta"])
        is_opening = delta.pop("role", None) is not None
        is_last = choice.get("finish_reason", _NULL) != _NULL
        if self._joint is not None:
            for name in _THOUGHTS:
                delta.pop(name, None)
            is_last = is_last or any(delta.get(name, _NULL) not in _EMPTY for name in _ENDS_TEXT)
            self._cut(delta, is_last, self._joint)
            is_opening = True
        choice["delta"] = msgspec.Raw(_encode(delta))
        return is_last or not is_opening or any(raw not in _EMPTY for raw in delta.values())

    def _cut(self, delta: _Fields, is_last: bool, joint: Joint) -> None:
        """Leave in a delta's content what is new; an event that ends the text brings what was held back."""
        if not joint.is_open:
            return
        text = joint.take(_text.decode(delta.get("content", _NULL)) or "")
        if is_last:
            text += joint.close()
        if text or "content" in delta:
            delta["content"] = msgspec.Raw(_encode(text))


def _to_chat(choice: _Fields) -> _Fields:
    """The choice of a completions chunk as a chat chunk has it."""
    return {
        "index": choice.get("index", msgspec.Raw(b"0")),
        "delta": msgspec.Raw(b'{"content":%s}' % bytes(choice.get("text", msgspec.Raw(b'""')))),
        **{name: raw for name, raw in choice.items() if name not in ("index", "text", *_IDS)},
    }


def _add_usage(raw: msgspec.Raw, progress: Progress) -> msgspec.Raw:
    """Usage of the whole answer: the caller's prompt where its length is known, and the tokens of both parts."""
    usage = _fields.decode(raw)
    told = _count.decode(usage.get("prompt_tokens", _NULL)) or 0
    prompt = told if progress.prompt_tokens is None else progress.prompt_tokens
    output = progress.output_tokens + (_count.decode(usage.get("completion_tokens", _NULL)) or 0)
    counts = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
    return msgspec.Raw(_encode(usage | counts))
