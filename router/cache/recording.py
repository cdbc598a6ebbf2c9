"""Keeps an answer as it passes, and says what of it may be kept for longer."""

from asyncio import Future

import msgspec

from turnout.models.exchange import Headers, Out
from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.usage import Usage
from turnout.router.cache.replay import fold_events

_TOOL_FINISHES = frozenset({"tool_calls", "function_call"})
_OK = 200


class Recording:
    """An Out around an Out that remembers at most `most_bytes` of what it passes on; nothing is parsed on the way."""

    __slots__ = ("_body", "_is_ended", "_most_bytes", "_out", "_pieces", "_size_bytes", "_status")

    def __init__(self, out: Out, most_bytes: int) -> None:
        self._out = out
        self._most_bytes = most_bytes
        self._status = 0
        self._body: bytes | None = None
        self._pieces: list[bytes] = []
        self._size_bytes = 0
        self._is_ended = False

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """See `Out.full`."""
        self._status, self._body = status, body
        self._out.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """See `Out.start`."""
        self._status = status
        self._out.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """See `Out.write`."""
        self._size_bytes += len(chunk)
        if self._size_bytes <= self._most_bytes:
            self._pieces.append(chunk)
        else:
            self._pieces.clear()
        return self._out.write(chunk)

    def end(self) -> None:
        """See `Out.end`."""
        self._is_ended = True
        self._out.end()

    @property
    def size_bytes(self) -> int:
        """What has passed in pieces."""
        return self._size_bytes

    def find_answer(self, request: ApiRequest, usage: Usage | None, keeps_tool_calls: bool) -> bytes | None:
        """
        The answer as a unary one, or None where it isn't to be kept: too large, cut, refused, filtered, or not ended as it should.

        Args:
            request: what it answers.
            usage: what it has used, for a stream that didn't say.
            keeps_tool_calls: whether an answer that calls tools may be kept.
        """
        if self._status != _OK:
            return None
        body = self._body
        try:
            if body is None:
                if not self._is_ended or self._size_bytes > self._most_bytes:
                    return None
                body = fold_events(b"".join(self._pieces), usage)
            if len(body) > self._most_bytes or not _is_keepable(body, request, keeps_tool_calls):
                return None
        except (msgspec.DecodeError, ValueError):  # an answer of a shape that nobody here knows
            return None
        return body


class _Message(msgspec.Struct, gc=False):
    refusal: str | None = None


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None
    message: _Message | None = None


class _Answer(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    data: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(_Answer).decode


def _is_keepable(body: bytes, request: ApiRequest, keeps_tool_calls: bool) -> bool:
    """An answer cut at the length that the caller asked for is what it asked for; one cut because the context was full isn't whole."""
    answer = _decode(body)
    if request.operation is Operation.EMBEDDINGS:
        return bool(answer.data)
    finishes = {"stop"}
    if request.max_output_tokens is not None:
        finishes.add("length")
    if keeps_tool_calls:
        finishes |= _TOOL_FINISHES
    return bool(answer.choices) and all(
        choice.finish_reason in finishes and (choice.message is None or not choice.message.refusal)
        for choice in answer.choices or ()
    )
