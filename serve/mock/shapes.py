"""The JSON that OpenAI's routes answer with."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from turnout.models.errors import ErrorBody, ErrorEnvelope
from turnout.serve.mock.ask import split_words
from turnout.serve.mock.reply import Reply
from turnout.serve.mock.script import Fault, ToolCall
from turnout.serve.mock.tokens import ANSWER

DONE = b"data: [DONE]\n\n"

_NO_IDS: Mapping[str, Any] = MappingProxyType({})
_ERRORS = {
    400: ("invalid_request_error", None),
    401: ("authentication_error", "invalid_api_key"),
    403: ("permission_error", None),
    404: ("invalid_request_error", "model_not_found"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("overloaded_error", None),
}


def encode_event(document: dict[str, Any]) -> bytes:
    """One event of a stream."""
    return b"data: %s\n\n" % msgspec.json.encode(document)


def encode_error(message: str, kind: str, code: str | None, param: str | None = None) -> bytes:
    """OpenAI's error body."""
    return msgspec.json.encode(ErrorEnvelope(ErrorBody(message, kind, param, code)))


def encode_fault(fault: Fault) -> tuple[int, bytes]:
    """Status and body of a fault that is an answer of its own."""
    if fault.do == "context_length":
        message = "This model's maximum context length is exceeded by the messages of this scripted request."
        return 400, encode_error(message, "invalid_request_error", "context_length_exceeded", "messages")
    if fault.do == "content_filter":
        return 400, encode_error("The scripted content policy refuses this.", "invalid_request_error", "content_filter")
    kind, code = _ERRORS.get(fault.status, ("api_error", None))
    return fault.status, encode_error(f"scripted error of status {fault.status}", kind, code)


def usage_of(reply: Reply) -> dict[str, Any]:
    """OpenAI's usage object."""
    return {
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "total_tokens": reply.prompt_tokens + reply.completion_tokens,
    }


class ChatShape:
    """How `/v1/chat/completions` says what a reply holds."""

    def __init__(self, reply: Reply, created_s: int) -> None:
        self._reply = reply
        self._head = {"id": f"chatcmpl-mock-{reply.number}", "created": created_s, "model": reply.model}
        self._ids = _Ids(reply)

    def whole(self) -> dict[str, Any]:
        """A unary answer."""
        reply = self._reply
        choices = [
            {
                "index": index,
                "message": self._message("".join(choice.pieces)),
                "logprobs": None,
                "finish_reason": "tool_calls" if reply.tool_calls else choice.finish_reason,
            }
            for index, choice in enumerate(reply.choices)
        ]
        usage = {"usage": usage_of(reply)} if reply.gives_usage else {}
        return {**self._head, "object": "chat.completion", "choices": choices, **usage}

    def opening(self) -> list[dict[str, Any]]:
        """The chunks before the first token: the role."""
        return [
            self._chunk(index, {"role": "assistant", "content": None if self._reply.tool_calls else ""})
            | self._ids.of_prompt(index)
            for index in range(len(self._reply.choices))
        ]

    def piece(self, index: int, text: str) -> dict[str, Any]:
        """A chunk with one token."""
        return self._chunk(index, {"content": text}, ids=self._ids.of_next(index))

    def calls(self) -> list[dict[str, Any]]:
        """The chunks of tool calls: id and name first, then the arguments, word by word."""
        chunks: list[dict[str, Any]] = []
        for at, call in enumerate(self._reply.tool_calls):
            begun = {"index": at, **_call(self._reply, at, call, "")}
            chunks.append(self._chunk(0, {"tool_calls": [begun]}))
            chunks.extend(
                self._chunk(0, {"tool_calls": [{"index": at, "function": {"arguments": word}}]})
                for word in split_words(call.arguments)
            )
        return chunks

    def closing(self) -> list[dict[str, Any]]:
        """The chunks with the finish reasons."""
        return [
            self._chunk(index, {}, "tool_calls" if self._reply.tool_calls else choice.finish_reason)
            for index, choice in enumerate(self._reply.choices)
        ]

    def usage(self) -> dict[str, Any]:
        """The last chunk, which has no choices."""
        return {**self._head, "object": "chat.completion.chunk", "choices": [], "usage": usage_of(self._reply)}

    def _message(self, text: str) -> dict[str, Any]:
        calls = self._reply.tool_calls
        if not calls:
            return {"role": "assistant", "content": text, "refusal": None}
        listed = [_call(self._reply, at, call, call.arguments) for at, call in enumerate(calls)]
        return {"role": "assistant", "content": None, "refusal": None, "tool_calls": listed}

    def _chunk(
        self, index: int, delta: dict[str, Any], finish_reason: str | None = None, ids: Mapping[str, Any] = _NO_IDS
    ) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish_reason, **ids}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice]}


class CompletionShape:
    """How `/v1/completions` says what a reply holds."""

    def __init__(self, reply: Reply, created_s: int) -> None:
        self._reply = reply
        self._head = {
            "id": f"cmpl-mock-{reply.number}",
            "object": "text_completion",
            "created": created_s,
            "model": reply.model,
        }
        self._ids = _Ids(reply)

    def whole(self) -> dict[str, Any]:
        """A unary answer."""
        choices = [
            _text_choice(index, "".join(choice.pieces), choice.finish_reason)
            for index, choice in enumerate(self._reply.choices)
        ]
        usage = {"usage": usage_of(self._reply)} if self._reply.gives_usage else {}
        return {**self._head, "choices": choices, **usage}

    def opening(self) -> list[dict[str, Any]]:
        """Nothing comes before the first token."""
        return []

    def piece(self, index: int, text: str) -> dict[str, Any]:
        """A chunk with one token."""
        ids = self._ids.of_prompt(index) | self._ids.of_next(index)
        return {**self._head, "choices": [_text_choice(index, text, None) | ids]}

    def calls(self) -> list[dict[str, Any]]:
        """There are no tools here."""
        return []

    def closing(self) -> list[dict[str, Any]]:
        """The chunks with the finish reasons."""
        return [
            {**self._head, "choices": [_text_choice(index, "", choice.finish_reason) | self._ids.of_prompt(index)]}
            for index, choice in enumerate(self._reply.choices)
        ]

    def usage(self) -> dict[str, Any]:
        """The last chunk, which has no choices."""
        return {**self._head, "choices": [], "usage": usage_of(self._reply)}


Shape = ChatShape | CompletionShape


class _Ids:
    """Owner of how far each choice's tokens have been given; nothing where ids weren't asked for."""

    def __init__(self, reply: Reply) -> None:
        self._choices = reply.choices if reply.gives_ids else []
        self._given = [-1] * len(self._choices)

    def of_prompt(self, index: int) -> dict[str, Any]:
        """The prompt's, once a choice."""
        if index >= len(self._choices) or self._given[index] >= 0:
            return {}
        self._given[index] = 0
        return {"prompt_token_ids": self._choices[index].prompt_ids}

    def of_next(self, index: int) -> dict[str, Any]:
        """The next token's."""
        if index >= len(self._choices):
            return {}
        token = ANSWER + self._choices[index].start + self._given[index]
        self._given[index] += 1
        return {"token_ids": [token]}


def _call(reply: Reply, at: int, call: ToolCall, arguments: str) -> dict[str, Any]:
    return {
        "id": f"call_mock_{reply.number}_{at}",
        "type": "function",
        "function": {"name": call.name, "arguments": arguments},
    }


def _text_choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"index": index, "text": text, "logprobs": None, "finish_reason": finish_reason}
