"""Writes the request that asks a server to go on with somebody else's answer."""

from typing import Final

import msgspec

from turnout.models.exchange import Headers
from turnout.models.openai.body import upstream_body
from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.terms import Terms, read_terms, remaining_tokens
from turnout.models.openai.continuation.ways import Continuation, tokens_to_ask
from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.openai.token_comments import ASK_HEADER
from turnout.models.target import Endpoint
from turnout.models.upstream import UpstreamRequest

INSTRUCTION: Final = (
    "Your last message was cut off by a technical fault before it was complete. Go on with it exactly where it stops, beginning with the very next "
    "character (a space or a line break, if one comes next). Keep its language and format. Don't repeat any of it, don't remark on this and don't "
    "begin anew: what you write now is joined to it as it is."
)
"""What a model is asked that has to be told in words."""

# What the two request models of vLLM 0.32 have in common for sampling; everything else of a chat is in the prompt's ids already.
_SAMPLING: Final = (
    "allowed_token_ids",
    "bad_words",
    "frequency_penalty",
    "ignore_eos",
    "logit_bias",
    "min_p",
    "min_tokens",
    "presence_penalty",
    "repetition_detection",
    "repetition_penalty",
    "seed",
    "session_id",
    "skip_special_tokens",
    "spaces_between_special_tokens",
    "stop",
    "stop_token_ids",
    "stream_interval",
    "stream_options",
    "temperature",
    "top_k",
    "top_p",
    "user",
    "watermarking",
)
_NULL = msgspec.Raw(b"null")
_TRUE = msgspec.Raw(b"true")
_FALSE = msgspec.Raw(b"false")
_encode = msgspec.json.Encoder().encode
_messages = msgspec.json.Decoder(list[msgspec.Raw])
_message_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_Fields = dict[str, msgspec.Raw]


class _Message(msgspec.Struct):
    role: str
    content: str | None = None
    tool_calls: list[msgspec.Raw] | None = None


def write_continuation(
    way: Continuation, request: ApiRequest, progress: Progress, model: msgspec.Raw, endpoint: Endpoint
) -> UpstreamRequest:
    """
    What to send to `endpoint`, where the model is called `model`, by a way that `find_ways` gave for it.

    Limits on tokens are less what has come; where that is an estimate and nothing would be left, one token is asked for.
    """
    if way is Continuation.TOKENS:
        fields, path = _by_tokens(request, progress, endpoint), Operation.COMPLETIONS.path
    else:
        fields, path = _by_words(way, request, progress), request.operation.path
    fields["stream"] = _TRUE
    body = upstream_body(msgspec.structs.replace(request, fields=fields), model)
    headers: Headers = (ASK_HEADER,) if way in (Continuation.TOKENS, Continuation.TEXT) else ()
    return UpstreamRequest(path, body, is_stream=True, headers=headers)


def _by_tokens(request: ApiRequest, progress: Progress, endpoint: Endpoint) -> _Fields:
    """A completions request for the ids of prompt and answer. What the caller's own completions request has beside them stays."""
    if request.operation is Operation.CHAT:
        fields = {name: request.fields[name] for name in _SAMPLING if name in request.fields}
    else:
        fields = dict(request.fields)
        fields.pop("truncate_prompt_tokens", None)  # the ids are what was left of the prompt
    _lessen(fields, "min_tokens", progress.output_tokens, least=0)
    fields["prompt"] = _raw([*(progress.prompt_token_ids or ()), *progress.token_ids])
    fields["max_tokens"] = _raw(tokens_to_ask(request, progress, endpoint))
    fields["add_special_tokens"] = _FALSE
    return fields


def _by_words(way: Continuation, request: ApiRequest, progress: Progress) -> _Fields:
    """The caller's own request with the text so far added to what it asks."""
    fields = dict(request.fields)
    terms = read_terms(request)
    _lessen(fields, "min_tokens", progress.output_tokens, least=0)
    for name in ("max_tokens", "max_completion_tokens"):
        _lessen(fields, name, progress.output_tokens, least=1)
    if request.operation is not Operation.CHAT:
        remaining = remaining_tokens(request, progress.output_tokens)
        if remaining is not None:
            fields["max_tokens"] = _raw(max(1, remaining))
        fields["prompt"] = _raw((terms.prompt or "") + progress.text)
        return fields
    fields["messages"] = _raw(_add_messages(way, fields["messages"], progress.text, terms))
    if way is Continuation.TEXT:
        fields["continue_final_message"], fields["add_generation_prompt"] = _TRUE, _FALSE
    else:
        fields.pop("continue_final_message", None)
        fields.pop("add_generation_prompt", None)
    return fields


def _add_messages(way: Continuation, raw: msgspec.Raw, text: str, terms: Terms) -> list[msgspec.Raw]:
    """The conversation with the text so far as the assistant's last word, or asked in words to go on from there."""
    messages = _messages.decode(raw)
    if way is Continuation.PREFILL:
        text = text.rstrip() or text  # Anthropic refuses a last message that ends with blanks; `Joint` reckons with it
    begun = None if way is Continuation.TEXT and not terms.continues_message else _try_append(messages[-1], text)
    if begun is not None:
        messages[-1] = begun
    else:
        messages.append(_raw({"role": "assistant", "content": text}))
    if way is Continuation.INSTRUCTION:
        messages.append(_raw({"role": "user", "content": INSTRUCTION}))
    return messages


def _try_append(raw: msgspec.Raw, text: str) -> msgspec.Raw | None:
    """A message that the caller began for the assistant, with `text` behind it, or None if it's another one."""
    try:
        message = msgspec.json.decode(raw, type=_Message)
    except msgspec.ValidationError:
        return None
    if message.role != "assistant" or message.tool_calls or message.content is None:
        return None
    fields = _message_fields.decode(raw)
    fields["content"] = _raw(message.content + text)
    return _raw(fields)


def _lessen(fields: _Fields, name: str, by: int, least: int) -> None:
    """Take `by` from a number in `fields`, if it's there."""
    if fields.get(name, _NULL) != _NULL:
        fields[name] = _raw(max(least, msgspec.json.decode(fields[name], type=int, strict=False) - by))


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_encode(value))
