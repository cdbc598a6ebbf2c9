"""Reads what the gateway needs from an OpenAI answer on its way through, without rebuilding it: usage, the finish, an error inside a 200."""

from asyncio import Future
from collections.abc import Callable

import msgspec

from turnout.models.exchange import Headers, Out
from turnout.models.usage import OpenAIUsage, Usage

DONE = b"data: [DONE]\n\n"
# An event that never ends would be buffered for ever; real ones stay far below.
EVENT_BYTES = 4 * 1024 * 1024
_NULL = msgspec.Raw(b"null")


class _UnaryFacts(msgspec.Struct):
    usage: OpenAIUsage | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _ChunkFacts(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: OpenAIUsage | None = None
    error: msgspec.Raw = _NULL  # msgspec takes no `Raw | None`


_unary = msgspec.json.Decoder(_UnaryFacts)
_chunk = msgspec.json.Decoder(_ChunkFacts)


class AnswerScan:
    """
    An Out that passes an answer on and notes its facts.

    A stream is looked through in whole events. What doesn't reach the client: the usage chunk it didn't ask for; `[DONE]` until the upstream has
    ended, and then only after a finish reason (engines that die close their stream with `[DONE]` too); error events, which `error` keeps instead.
    An end without a finish isn't passed on, so a cut stream can't look whole.

    Attributes:
        usage: tokens as the upstream counted them, or None.
        events: content events passed on; a lower bound of the tokens a client got when the upstream never said.
        is_complete: whether the answer came to its proper end.
        error: the upstream's error event as JSON, or another reason why the stream can't be trusted, or None. For logs: it never goes to callers.
    """

    __slots__ = (
        "_carry",
        "_hides_usage",
        "_is_finished",
        "_is_sse",
        "_note_usage",
        "_out",
        "error",
        "events",
        "is_complete",
        "usage",
    )

    def __init__(self, out: Out, hides_usage: bool, note_usage: Callable[[Usage], None]) -> None:
        self._out = out
        self._note_usage = note_usage
        self._hides_usage = hides_usage
        self._carry = b""
        self._is_finished = False
        self._is_sse = True
        self.usage: Usage | None = None
        self.events = 0
        self.is_complete = False
        self.error: bytes | None = None

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """Note the usage of a unary answer and pass it on. A body that isn't JSON (a proxy's page, half an answer) doesn't pass."""
        try:
            usage = _unary.decode(body).usage
        except msgspec.ValidationError:
            usage = None
        except msgspec.DecodeError:
            return
        if usage is not None:
            self._count(usage)
        self.is_complete = True
        self._out.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """Pass the head on."""
        self._is_sse = any(name == b"content-type" and b"text/event-stream" in value for name, value in headers)
        self._out.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Pass whole events on; a piece of one waits for the rest."""
        if not self._is_sse:
            return self._out.write(chunk)
        if self._carry:
            chunk = self._carry + chunk
            self._carry = b""
        if not chunk.endswith(b"\n\n"):
            chunk = self._cut_at_event(chunk)
        if not chunk:
            return None
        if (
            b'"usage"' in chunk
            or b'finish_reason":"' in chunk
            or b'"finish_reason": "' in chunk
            or b"[DONE]" in chunk
            or b'"error"' in chunk
        ):
            chunk = self._inspect(chunk)
            if not chunk:
                return None
        self.events += chunk.count(b"data:")
        return self._out.write(chunk)

    def end(self) -> None:
        """Pass the end on, with `[DONE]`, if the answer has come to one."""
        if not self._is_sse:
            self.is_complete = True
            self._out.end()
        elif self._is_finished and self.error is None:
            self.is_complete = True
            self._out.write(DONE)
            self._out.end()

    def _count(self, usage: OpenAIUsage) -> None:
        self.usage = usage.to_usage()
        self._note_usage(self.usage)

    def _cut_at_event(self, chunk: bytes) -> bytes:
        """Keep what follows the last whole event for later; events end with a blank line, LF or CRLF."""
        lf, crlf = chunk.rfind(b"\n\n"), chunk.rfind(b"\r\n\r\n")
        cut = max(lf + 2 if lf >= 0 else 0, crlf + 4 if crlf >= 0 else 0)
        self._carry = chunk[cut:]
        if len(self._carry) > EVENT_BYTES:
            self._carry = b""
            self.error = b"an event over %d bytes" % EVENT_BYTES
        return chunk[:cut]

    def _inspect(self, block: bytes) -> bytes:
        """The events of `block` that go to the client; facts of all of them are noted."""
        separator = b"\r\n\r\n" if block.endswith(b"\r\n\r\n") else b"\n\n"
        kept = [event for event in block.split(separator)[:-1] if self._note(event)]
        return b"".join(event + separator for event in kept)

    def _note(self, event: bytes) -> bool:
        """Note what one event says; whether the client gets it."""
        payload = _payload(event)
        if payload is None:
            return True
        if payload == b"[DONE]":
            return False
        try:
            facts = _chunk.decode(payload)
        except msgspec.DecodeError:
            return True
        if facts.error != _NULL:
            self.error = bytes(facts.error)
            return False
        if facts.choices and any(choice.finish_reason for choice in facts.choices):
            self._is_finished = True
        if facts.usage is None:
            return True
        self._count(facts.usage)
        return bool(facts.choices) or not self._hides_usage


def _payload(event: bytes) -> bytes | None:
    """The data of an event, its lines joined as the SSE standard says; None for comments."""
    if event.startswith(b"data:") and b"\n" not in event:
        return event[5:].strip()
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
