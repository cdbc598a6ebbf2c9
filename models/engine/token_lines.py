"""Asks vLLM for the token ids of a stream, and moves them out of its events into the comment lines of `turnout.models.openai.token_comments`."""

import re
from typing import Final

import msgspec

from turnout.models.openai.token_comments import PROMPT, TOKENS

_ABSENT: Final = msgspec.Raw(b"")
_FIELD: Final = b',"return_token_ids":true}'
# A quote inside a JSON string has a backslash before it, so this only ever finds a key, whatever the model says.
_IDS: Final = re.compile(rb'token_ids"[ \t]*:[ \t]*(\[[\d, \t]*\])')
_ONE_PROMPT: Final = re.compile(rb'$|"|\[\s*\d')
_SILENT: Final = b'"delta":{},"logprobs":null,"finish_reason":null,'


class _Asked(msgspec.Struct):
    stream: bool = False
    n: int | None = None
    echo: bool | None = None
    use_beam_search: bool | None = None
    prompt: msgspec.Raw = _ABSENT
    return_token_ids: msgspec.Raw = _ABSENT


_asked = msgspec.json.Decoder(_Asked)


def ask_for_ids(body: bytes) -> bytes | None:
    """
    The request with `return_token_ids` switched on, its other bytes as they were, or None where its stream can't be given in comment lines.

    That is where nothing is streamed, the field is the caller's own, or several choices would be mixed (`n`, a list of prompts). An echoed prompt and
    a beam search are left alone too: vLLM 0.32 answers the first with other text when it's asked for ids, and sends the second in one piece.
    """
    try:
        asked = _asked.decode(body)
    except msgspec.DecodeError:
        return None  # vLLM says what's wrong with it
    is_single = asked.n in (None, 1) and not asked.use_beam_search and _is_one_prompt(asked.prompt)
    if not asked.stream or asked.echo or not is_single or asked.return_token_ids != _ABSENT:
        return None
    return body[: body.rindex(b"}")] + _FIELD


class TokenLines:
    """
    One stream of vLLM's, with the ids of each event in a line before it; what is left of the event is what vLLM sends to those who don't ask.

    vLLM writes `null` where the ids would be, and sends an event without content for tokens that a tool or reasoning parser keeps to itself, which it
    only does for the ids' sake: such an event is left out, and its ids come with the next one.
    """

    __slots__ = ("_carry", "_held")

    def __init__(self) -> None:
        self._carry = b""
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """What goes out for a piece of the stream: whole events; the beginning of another waits for its rest."""
        chunk = self._carry + chunk
        *events, self._carry = chunk.split(b"\n\n")
        if len(events) == 1:
            return self._move(events[0] + b"\n\n")
        return b"".join([self._move(event + b"\n\n") for event in events])

    def rest(self) -> bytes:
        """What the stream ended with in the middle of an event."""
        return self._carry

    def _move(self, event: bytes) -> bytes:
        found = _IDS.search(event)
        if found is None and not self._held:
            return event
        prompt, tokens = b"", self._held
        while found is not None:
            start, end = found.span(1)
            if event.endswith(b'"prompt_', 0, found.start()):
                prompt = found[1]
            else:
                tokens = _join(tokens, found[1])
            event = event[:start] + b"null" + event[end:]
            found = _IDS.search(event, start)
        self._held = tokens if _SILENT in event else b""
        shown = b"" if self._held else _line(TOKENS, tokens) + event
        return _line(PROMPT, prompt) + shown if prompt else shown


def _is_one_prompt(prompt: msgspec.Raw) -> bool:
    """Whether it's a text, a list of ids, or (of a chat) not there."""
    return _ONE_PROMPT.match(prompt) is not None


def _join(before: bytes, ids: bytes) -> bytes:
    if not ids[1:-1].strip():
        return before
    return before[:-1] + b"," + ids[1:] if before else ids


def _line(start: bytes, ids: bytes) -> bytes:
    return start + ids + b"\n" if ids else b""
