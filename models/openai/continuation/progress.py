"""Finds out what of an answer a client has, from the events it was sent."""

from collections.abc import Sequence
from typing import Final

import msgspec

from turnout.models.openai.continuation.events import Event, split_events
from turnout.models.openai.continuation.terms import Obstacle, read_terms, remaining_tokens
from turnout.models.openai.continuation.transcript import Transcript
from turnout.models.openai.request import ApiRequest
from turnout.models.openai.token_comments import TOKENS
from turnout.models.usage import OpenAIUsage

SEAM: Final = TOKENS + b"-"
"""A comment that stands where one upstream's events end and another's begin: ids whose text hadn't come until here are void."""

_NULL = msgspec.Raw(b"null")
_EMPTY = (_NULL, b"", msgspec.Raw(b"[]"), msgspec.Raw(b"{}"))


class Progress(msgspec.Struct, frozen=True):
    """
    How far an answer got before it broke off.

    Attributes:
        text: what the client has.
        id: of the answer, or "" where no event named it.
        created: its Unix time, or 0.
        model: the model that said the last of it, as its server calls it.
        prompt_tokens: length of the caller's prompt, or None where nobody told.
        prompt_token_ids: what the engine read before `token_ids`, or None where ids aren't known for all of the text that this engine wrote. After
            a continuation by words it includes what was added to the prompt.
        token_ids: what the engine wrote, up to the last event that had text: a prompt that ends inside a character makes the engine show part of
            the prompt as its answer.
        output_tokens: tokens that the text consists of. Without ids, the upstream's own count or else the number of events with text.
        is_counted: whether every one of them was counted by its id.
        has_usage: whether the client has a usage chunk.
        obstacle: why the answer can't be continued, or None.
    """

    text: str = ""
    id: str = ""
    created: int = 0
    model: str = ""
    prompt_tokens: int | None = None
    prompt_token_ids: tuple[int, ...] | None = None
    token_ids: tuple[int, ...] = ()
    output_tokens: int = 0
    is_counted: bool = False
    has_usage: bool = False
    obstacle: Obstacle | None = None


def read_progress(request: ApiRequest, transcript: Transcript) -> Progress:
    """
    What the client has of its answer to `request`.

    Events that aren't JSON are passed over, as clients do. Reads streams that were joined from several upstreams, too.
    """
    if not transcript.is_kept:
        return Progress(obstacle=Obstacle.TOO_LONG)
    reading = _Reading()
    for block in transcript.blocks():
        for event in split_events(block):
            reading.note(event)
    progress = reading.to_progress()
    if progress.obstacle is not None:
        return progress
    obstacle = read_terms(request).obstacle
    if obstacle is None and progress.is_counted and request.max_output_tokens is not None:
        remaining = remaining_tokens(request, progress.output_tokens)
        obstacle = Obstacle.SPENT if remaining is not None and remaining <= 0 else None
    return msgspec.structs.replace(progress, obstacle=obstacle)


class _Delta(msgspec.Struct):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    refusal: str | None = None
    tool_calls: msgspec.Raw = _NULL
    function_call: msgspec.Raw = _NULL
    audio: msgspec.Raw = _NULL
    images: msgspec.Raw = _NULL


class _Choice(msgspec.Struct):
    index: int = 0
    text: str | None = None
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    id: str | None = None
    created: int | float | None = None
    model: str | None = None
    choices: list[_Choice] | None = None
    usage: OpenAIUsage | None = None


_chunk = msgspec.json.Decoder(_Chunk)
_ids = msgspec.json.Decoder(list[int])


class _Reading:
    """Owner of what has been read of one transcript so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._id = self._model = ""
        self._created = 0
        self._prompt_tokens: int | None = None
        self._prompt_ids: Sequence[int] | None = None
        self._ids: list[int] = []
        self._textless_ids: list[int] = []
        self._output_tokens = 0
        self._has_seam = self._has_usage = False
        self._is_counted = True
        self._obstacle: Obstacle | None = None

    def note(self, event: Event) -> None:
        for comment in event.comments:
            self._note_comment(comment)
        if event.payload is None or event.payload == b"[DONE]":
            return
        try:
            chunk = _chunk.decode(event.payload)
        except msgspec.ValidationError:
            self._obstacle = self._obstacle or Obstacle.UNREADABLE
        except msgspec.DecodeError:
            return
        else:
            self._note_chunk(chunk)

    def to_progress(self) -> Progress:
        return Progress(
            text="".join(self._texts),
            id=self._id,
            created=self._created,
            model=self._model,
            prompt_tokens=self._prompt_tokens,
            prompt_token_ids=None if self._prompt_ids is None else tuple(self._prompt_ids),
            token_ids=() if self._prompt_ids is None else tuple(self._ids),
            output_tokens=self._output_tokens,
            is_counted=self._is_counted and bool(self._texts),
            has_usage=self._has_usage,
            obstacle=self._obstacle,
        )

    def _note_comment(self, comment: bytes) -> None:
        if comment == SEAM:
            self._has_seam = True
            self._textless_ids = []
            return
        try:
            ids = _ids.decode(comment.partition(b" ")[2])
        except msgspec.DecodeError:
            self._prompt_ids = None
            return
        if comment.startswith(TOKENS):
            self._textless_ids += ids
            return
        self._prompt_ids, self._ids, self._textless_ids = ids, [], []
        if not self._has_seam:
            self._prompt_tokens = len(ids)

    def _note_chunk(self, chunk: _Chunk) -> None:
        self._id = self._id or chunk.id or ""
        self._created = self._created or int(chunk.created or 0)
        self._model = chunk.model or self._model
        for choice in chunk.choices or ():
            self._note_choice(choice, chunk.usage)
        if chunk.usage is not None:
            self._has_usage = self._has_usage or not chunk.choices
            if not self._has_seam and self._prompt_tokens is None:
                self._prompt_tokens = chunk.usage.prompt_tokens

    def _note_choice(self, choice: _Choice, usage: OpenAIUsage | None) -> None:
        delta = choice.delta or _Delta()
        text = choice.text or delta.content
        if text:
            self._note_text(text, usage)
        if choice.finish_reason:
            self._output_tokens += len(self._textless_ids)
            self._textless_ids = []
            self._obstacle = Obstacle.FINISHED
        self._obstacle = self._obstacle or _find_obstacle(choice.index, delta)

    def _note_text(self, text: str, usage: OpenAIUsage | None) -> None:
        self._texts.append(text)
        if self._textless_ids:
            self._ids += self._textless_ids
            self._output_tokens += len(self._textless_ids)
            self._textless_ids = []
            return
        self._prompt_ids = None
        self._is_counted = False
        self._output_tokens += 1
        if usage is not None:
            self._output_tokens = max(self._output_tokens, usage.completion_tokens or 0)


def _find_obstacle(index: int, delta: _Delta) -> Obstacle | None:
    """What in one event can't be handed over."""
    if index > 0:
        return Obstacle.SEVERAL_CHOICES
    if delta.tool_calls not in _EMPTY or delta.function_call not in _EMPTY:
        return Obstacle.TOOL_CALL
    if delta.reasoning or delta.reasoning_content:
        return Obstacle.REASONING
    if delta.refusal:
        return Obstacle.REFUSAL
    return Obstacle.NOT_TEXT if delta.audio not in _EMPTY or delta.images not in _EMPTY else None
