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


class _Choice(msgspec.Struct, gc=False):
    finish_reason: str | None = None


class _Facts(msgspec.Struct, gc=False):
    """What is read of an answer or of one event of it; msgspec passes over the rest, and checks that all of it is JSON."""

    choices: list[_Choice] | None = None
    data: list[msgspec.Raw] | None = None
    usage: OpenAIUsage | None = None
    error: msgspec.Raw = _NULL  # msgspec takes no `Raw | None`


class _Gist(msgspec.Struct, gc=False):
    """What still can be told where a part of the facts has a shape that we don't know, and the client may."""

    choices: list[_Choice] | None = None
    data: list[msgspec.Raw] | None = None
    error: msgspec.Raw = _NULL


_decode = msgspec.json.Decoder(_Facts).decode
_decode_gist = msgspec.json.Decoder(_Gist).decode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_IDENTITY = ("id", "object", "created", "model")

# Finish reasons of answers that aren't whole. Sources: vLLM 0.32, `v1/engine/__init__.py`, `FinishReason`; openrouter.ai/docs/api-reference/overview.
_UNFINISHED = ("abort", "error")
_GIVEN_UP = b"given up by the server"


class AnswerScan:
    """
    An Out that passes an answer on and notes its facts.

    A stream is looked through in whole events. What doesn't reach the client: the usage chunk it didn't ask for; `[DONE]` until the upstream has
    ended, and then only after a finish reason (engines that die close their stream with `[DONE]` too); error events, which `error` keeps instead;
    events that aren't JSON. An end without a finish isn't passed on, so a cut stream can't look whole. A client that asked for usage gets it, counted
    here if the upstream gave none.

    Attributes:
        usage: tokens as the upstream counted them, or None.
        events: content events passed on; a lower bound of the tokens a client got when the upstream never said.
        is_complete: whether the answer came to its proper end.
        error: the upstream's error object as JSON, or another reason why the answer can't be trusted, or None. For logs: it never goes to callers.
    """

    __slots__ = (
        "_carry",
        "_hides_usage",
        "_is_finished",
        "_is_sse",
        "_last",
        "_note_usage",
        "_out",
        "_prompt_tokens",
        "error",
        "events",
        "is_complete",
        "usage",
    )

    def __init__(
        self, out: Out, hides_usage: bool, note_usage: Callable[[Usage], None], prompt_tokens: int = 0
    ) -> None:
        """
        Args:
            out: gets what passes.
            hides_usage: whether the client didn't ask for a stream's usage.
            note_usage: hears what the upstream has counted, before what comes with it is passed on.
            prompt_tokens: for a usage counted here.
        """
        self._out = out
        self._note_usage = note_usage
        self._hides_usage = hides_usage
        self._prompt_tokens = prompt_tokens
        self._carry = b""
        self._last = b""
        self._is_finished = False
        self._is_sse = True
        self.usage: Usage | None = None
        self.events = 0
        self.is_complete = False
        self.error: bytes | None = None

    def full(self, status: int, headers: Headers, body: bytes) -> None:
        """Note the usage of a unary answer and pass it on. What isn't an answer (a proxy's page, half of one, an error in a 200) doesn't pass."""
        if self._try_read_whole(body):
            self.is_complete = True
            self._out.full(status, headers, body)

    def start(self, status: int, headers: Headers) -> None:
        """Pass the head on. Without a content type it's taken for a stream of events, as it was asked for."""
        kind = next((value for name, value in headers if name == b"content-type"), b"text/event-stream")
        self._is_sse = b"text/event-stream" in kind
        self._out.start(status, headers)

    def write(self, chunk: bytes) -> "Future[None] | None":
        """Pass whole events on; a piece of one waits for the rest."""
        if not self._is_sse:
            self._keep(self._carry + chunk)
            return None
        if self._carry:
            chunk = self._carry + chunk
            self._carry = b""
        if not chunk.endswith(b"\n\n"):
            chunk = self._cut_at_event(chunk)
        if not chunk:
            return None
        if chunk.find(b"\n\n") == len(chunk) - 2:
            if not self._note(chunk[:-2]):
                return None
        else:
            chunk = self._sort_out(chunk)
            if not chunk:
                return None
        return self._out.write(chunk)

    def end(self) -> None:
        """Pass the end on, with `[DONE]`, if the answer has come to one."""
        if not self._is_sse:
            if self.error is None and self._try_read_whole(self._carry):
                self.is_complete = True
                self._out.write(self._carry)
                self._out.end()
        elif self._is_finished and self.error is None:
            self.is_complete = True
            if self.usage is None and not self._hides_usage:
                self._out.write(self._write_usage())
            self._out.write(DONE)
            self._out.end()

    def try_finish(self) -> bool:
        """Make an answer whole that has all of its text, though its stream broke before `[DONE]`; whether it is whole now."""
        if not self.is_complete and self._is_finished:
            self.end()
        return self.is_complete

    def _try_read_whole(self, body: bytes) -> bool:
        """Note the facts of an answer in one piece; whether it is one."""
        try:
            facts = _decode(body)
        except msgspec.ValidationError:
            facts = _read_gist(body)
        except msgspec.DecodeError:
            self.error = b"not JSON"
            return False
        if facts.error != _NULL and not facts.choices and not facts.data:
            self.error = bytes(facts.error)
        elif not facts.choices and not facts.data:
            self.error = b"neither choices nor data"
        elif any(choice.finish_reason in _UNFINISHED for choice in facts.choices or ()):
            self.error = _GIVEN_UP
        elif facts.usage is not None:
            self._count(facts.usage)
        return self.error is None

    def _count(self, usage: OpenAIUsage) -> None:
        self.usage = usage.to_usage()
        self._note_usage(self.usage)

    def _cut_at_event(self, chunk: bytes) -> bytes:
        """Keep what follows the last whole event for later; events end with a blank line, LF or CRLF."""
        lf, crlf = chunk.rfind(b"\n\n"), chunk.rfind(b"\r\n\r\n")
        cut = max(lf + 2 if lf >= 0 else 0, crlf + 4 if crlf >= 0 else 0)
        self._keep(chunk[cut:])
        return chunk[:cut]

    def _keep(self, piece: bytes) -> None:
        """Keep a piece for later."""
        self._carry = piece
        if len(piece) > EVENT_BYTES:
            self._carry = b""
            self.error = b"an event over %d bytes" % EVENT_BYTES

    def _sort_out(self, block: bytes) -> bytes:
        """The events of `block` that go to the client; facts of all of them are noted."""
        separator = b"\r\n\r\n" if block.endswith(b"\r\n\r\n") else b"\n\n"
        kept = [event for event in block.split(separator)[:-1] if self._note(event)]
        return b"".join(event + separator for event in kept)

    def _note(self, event: bytes) -> bool:
        """Note what one event says; whether the client gets it."""
        payload = event[6:] if event.startswith(b"data: {") and b"\n" not in event else _payload(event)
        if payload is None:
            return True
        if payload == b"[DONE]":
            return False
        try:
            facts = _decode(payload)
        except msgspec.ValidationError:
            facts = _read_gist(payload)
        except msgspec.DecodeError:
            return False
        if facts.error != _NULL:
            self.error = bytes(facts.error)
            return False
        if facts.choices and not self._note_choices(facts.choices, payload):
            return False
        if facts.usage is None:
            return True
        self._count(facts.usage)
        return bool(facts.choices) or not self._hides_usage

    def _note_choices(self, choices: list[_Choice], payload: bytes) -> bool:
        """Note a content event; whether the client gets it."""
        self.events += 1
        for choice in choices:
            if choice.finish_reason in _UNFINISHED:
                self.error = _GIVEN_UP
                return False
            if choice.finish_reason:
                self._is_finished = True
                self._last = payload
        return True

    def _write_usage(self) -> bytes:
        """The usage event that the upstream owes: its content events for tokens, and an estimate of the prompt."""
        fields = _decode_fields(self._last)
        identity = {name: fields[name] for name in _IDENTITY if name in fields}
        counted = {
            "prompt_tokens": self._prompt_tokens,
            "completion_tokens": self.events,
            "total_tokens": self._prompt_tokens + self.events,
        }
        event: dict[str, object] = {**identity, "choices": [], "usage": counted}
        return b"data: " + msgspec.json.encode(event) + b"\n\n"


def _read_gist(payload: bytes) -> _Facts:
    """What can be told of JSON in which something has a shape that we don't know: it counts as content at least."""
    try:
        gist = _decode_gist(payload)
    except msgspec.ValidationError:
        return _Facts([_Choice()])
    return _Facts(gist.choices, gist.data, error=gist.error)


def _payload(event: bytes) -> bytes | None:
    """The data of an event, its lines joined as the SSE standard says; None for comments."""
    if event.startswith(b"data:") and b"\n" not in event:
        return event[5:].strip()
    lines = [line[5:].strip() for line in event.splitlines() if line.startswith(b"data:")]
    return b"\n".join(lines) if lines else None
