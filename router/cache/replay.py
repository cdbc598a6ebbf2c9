"""Turns a unary answer into a stream and a stream into a unary answer, so that one kept form serves both."""

from collections.abc import Iterable, Iterator
from typing import Final, cast

import msgspec

from turnout.models.openai.answer import DONE
from turnout.models.openai.continuation.events import split_events
from turnout.models.usage import Usage

_Fields = dict[str, object]
_STREAMED: Final = {"chat.completion": "chat.completion.chunk"}
_WHOLE: Final = {chunk: whole for whole, chunk in _STREAMED.items()}
_APART: Final = ("choices", "usage", "object")

_encode = msgspec.json.Encoder().encode


class _Answer(msgspec.Struct):
    choices: list[_Fields]
    usage: msgspec.Raw = msgspec.Raw(b"null")


_decode_answer = msgspec.json.Decoder(_Answer).decode
_decode = msgspec.json.Decoder(_Fields).decode


def write_events(body: bytes, wants_usage: bool) -> bytes:
    """
    A kept answer as a whole stream: of each choice one event with all it says and one with its finish, then the usage if it's wanted, `[DONE]`.

    Args:
        body: a unary chat or text completion; see `fold_events` for the way back.
        wants_usage: whether the client asked for the usage event.
    """
    answer = _decode(body)
    kind = answer.get("object")
    identity = {name: value for name, value in answer.items() if name not in _APART}
    if isinstance(kind, str):
        identity["object"] = _STREAMED.get(kind, kind)
    events = [{**identity, "choices": [piece]} for choice in _decode_answer(body).choices for piece in _pieces(choice)]
    if wants_usage:
        events.append({**identity, "choices": [], "usage": answer.get("usage")})
    return b"".join([b"data: " + _encode(event) + b"\n\n" for event in events]) + DONE


def fold_events(stream: bytes, usage: Usage | None) -> bytes:
    """
    A whole stream as a unary answer.

    Args:
        stream: as a client got it, to `[DONE]`.
        usage: for an answer whose stream had none, because its client hadn't asked.

    Raises:
        ValueError: it has no choices, or an event that isn't what it should be.
    """
    whole: _Fields = {}
    choices: dict[int, _Fields] = {}
    for chunk in _read_chunks(stream):
        _add(whole, {name: value for name, value in chunk.items() if name != "choices"})
        pieces = chunk.get("choices")
        for piece in pieces if isinstance(pieces, list) else []:  # pyright: ignore[reportUnknownVariableType]
            _fold_piece(choices, msgspec.convert(piece, _Fields))
    if not choices:
        raise ValueError("the stream has no choices")
    kind = whole.get("object")
    if isinstance(kind, str):
        whole["object"] = _WHOLE.get(kind, kind)
    folded = [_finish(choices[index]) for index in sorted(choices)]
    if whole.get("usage") is None and usage is not None:
        whole["usage"] = _write_usage(usage)
    return _encode({**whole, "choices": folded})


def _pieces(choice: _Fields) -> Iterator[_Fields]:
    """What a choice says, and how it ended."""
    index = choice.get("index", 0)
    rest = {name: value for name, value in choice.items() if name not in ("index", "message", "text", "logprobs")}
    said: _Fields = {"index": index, "finish_reason": None}
    if "logprobs" in choice:
        said["logprobs"] = choice["logprobs"]
    if "message" in choice:
        message = msgspec.convert(choice["message"], _Fields)
        yield {**said, "delta": _number_calls(message)}
        yield {"index": index, "delta": {}, **rest}
    else:
        yield {**said, "text": choice.get("text", "")}
        yield {"index": index, "text": "", **rest}


def _number_calls(message: _Fields) -> _Fields:
    """A message as a delta: its tool calls have an index there."""
    calls = message.get("tool_calls")
    if not isinstance(calls, list):
        return message
    numbered = [{"index": number, **call} for number, call in enumerate(msgspec.convert(calls, list[_Fields]))]
    return {**message, "tool_calls": numbered}


def _read_chunks(stream: bytes) -> Iterable[_Fields]:
    for event in split_events(stream):
        if event.payload is not None and event.payload != b"[DONE]":
            yield _decode(event.payload)


def _fold_piece(choices: dict[int, _Fields], piece: _Fields) -> None:
    index = piece.get("index", 0)
    if not isinstance(index, int):
        raise ValueError(f"a choice has the index {index!r}")
    choice = choices.setdefault(index, {"index": index})
    delta = piece.pop("delta", None)
    if isinstance(delta, dict):
        _fold_delta(choice, msgspec.convert(delta, _Fields))
    text = piece.pop("text", None)
    if isinstance(text, str):
        choice["text"] = str(choice.get("text", "")) + text
    if "logprobs" in piece:
        _fold_logprobs(choice, piece.pop("logprobs"))
    _add(choice, piece)


def _fold_delta(choice: _Fields, delta: _Fields) -> None:
    message = _part(choice, "message")
    calls = delta.pop("tool_calls", None)
    if isinstance(calls, list):
        _fold_calls(_part(message, "tool_calls"), msgspec.convert(calls, list[_Fields]))
    elif calls is None and "tool_calls" in delta:
        message.setdefault("tool_calls", None)
    role = delta.pop("role", None)
    if role is not None:
        message["role"] = role
    _join(message, delta)


def _fold_calls(calls: _Fields, pieces: list[_Fields]) -> None:
    """Tool calls come in pieces too: the arguments grow, the rest is said once. `calls` has them by their index."""
    for position, piece in enumerate(pieces):
        index = piece.pop("index", position)
        if not isinstance(index, int):
            raise ValueError(f"a tool call has the index {index!r}")
        call = _part(calls, f"{index:09}")
        function = piece.pop("function", None)
        if isinstance(function, dict):
            said = _part(call, "function")
            more = msgspec.convert(function, _Fields)
            name = more.pop("name", None)
            if name is not None:
                said["name"] = name
            _join(said, more)
        _add(call, piece)


def _part(whole: _Fields, name: str) -> _Fields:
    """The object at `name`, made where there's none."""
    part = whole.setdefault(name, {})
    if not isinstance(part, dict):
        raise ValueError(f"{name} is no object in one event and is one in another")
    return cast("_Fields", part)


def _fold_logprobs(choice: _Fields, logprobs: object) -> None:
    """Lists in them go on from piece to piece."""
    if not isinstance(logprobs, dict):
        choice.setdefault("logprobs", logprobs)
        return
    before = choice.get("logprobs")
    joint: _Fields = msgspec.convert(before, _Fields) if isinstance(before, dict) else {}
    for name, value in msgspec.convert(logprobs, _Fields).items():
        said = joint.get(name)
        joint[name] = [*said, *value] if isinstance(said, list) and isinstance(value, list) else value
    choice["logprobs"] = joint


def _join(into: _Fields, pieces: _Fields) -> None:
    """Texts grow; of anything else, what was said last counts."""
    for name, value in pieces.items():
        before = into.get(name)
        if isinstance(before, str) and isinstance(value, str):
            into[name] = before + value
        elif value is not None or name not in into:
            into[name] = value


def _add(into: _Fields, pieces: _Fields) -> None:
    """What was said last counts, and null says nothing."""
    for name, value in pieces.items():
        if value is not None or name not in into:
            into[name] = value


def _finish(choice: _Fields) -> _Fields:
    """A choice with its tool calls in a list."""
    message = _part(choice, "message") if "message" in choice else {}
    if isinstance(message.get("tool_calls"), dict):
        by_index = _part(message, "tool_calls")
        message["tool_calls"] = [by_index[index] for index in sorted(by_index)]
    return choice


def _write_usage(usage: Usage) -> _Fields:
    """In OpenAI's words; what the provider had cached stays the provider's word."""
    written: _Fields = {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }
    if usage.cache_read_tokens:
        written["prompt_tokens_details"] = {"cached_tokens": usage.cache_read_tokens}
    if usage.reasoning_tokens:
        written["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return written
