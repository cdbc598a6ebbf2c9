"""
The documented parameters of OpenAI's chat, completion and embedding requests, as far as Turnout checks them.

Known fields are checked for type and range; unknown ones pass (vLLM and other servers have many of their own). Whatever is checked here would be
refused by every upstream too, so a bad request costs no upstream call.

Source: OpenAI's API reference for `/v1/chat/completions`, `/v1/completions` and `/v1/embeddings`, read 2026-11.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Penalty = Annotated[float, Meta(ge=-2, le=2)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
Positive = Annotated[int, Meta(ge=1)]
PublicName = Annotated[str, Meta(min_length=1, max_length=512)]
Choices = Annotated[int, Meta(ge=1, le=128)]
Stop = str | list[str] | None
AnyObject = dict[str, msgspec.Raw]


class Part(msgspec.Struct, gc=False):
    """A piece of a message's content; what belongs to each type is the upstream's to check."""

    type: str


class Message(msgspec.Struct, gc=False):
    """One turn of a conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[Part] | None = None
    name: str | None = None
    tool_calls: list[AnyObject] | None = None
    tool_call_id: str | None = None


class StreamOptions(msgspec.Struct, gc=False):
    """What a stream is to carry beside the text."""

    include_usage: bool | None = None


class Extras(msgspec.Struct, gc=False):
    """Fields of every request that concern the gateway."""

    model: PublicName
    user: str | None = None
    session_id: Annotated[str, Meta(max_length=256)] | None = None
    metadata: AnyObject | None = None
    priority: int | None = None
    timeout: Annotated[float, Meta(gt=0)] | None = None


class ChatBody(Extras, kw_only=True, gc=False):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[Message], Meta(min_length=1)]
    audio: AnyObject | None = None
    frequency_penalty: Penalty | None = None
    function_call: str | AnyObject | None = None
    functions: list[AnyObject] | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Positive | None = None
    max_tokens: Positive | None = None
    modalities: list[str] | None = None
    n: Choices | None = None
    parallel_tool_calls: bool | None = None
    prediction: AnyObject | None = None
    presence_penalty: Penalty | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    response_format: AnyObject | None = None
    safety_identifier: str | None = None
    seed: int | None = None
    service_tier: str | None = None
    stop: Stop = None
    store: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    tool_choice: str | AnyObject | None = None
    tools: list[AnyObject] | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    top_p: Probability | None = None
    verbosity: str | None = None
    web_search_options: AnyObject | None = None


class CompletionBody(Extras, kw_only=True, gc=False):
    """`POST /v1/completions`."""

    prompt: str | list[str | int | list[int]]
    best_of: Choices | None = None
    echo: bool | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: Annotated[int, Meta(ge=0)] | None = None
    max_tokens: Annotated[int, Meta(ge=0)] | None = None
    n: Choices | None = None
    presence_penalty: Penalty | None = None
    seed: int | None = None
    stop: Stop = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    suffix: str | None = None
    temperature: Temperature | None = None
    top_p: Probability | None = None


class EmbeddingBody(Extras, kw_only=True, gc=False):
    """`POST /v1/embeddings`; never a stream. `truncate_prompt_tokens` is vLLM's: -1 cuts what's too long for the model."""

    input: str | Annotated[list[str | int | list[int]], Meta(min_length=1)]
    dimensions: Positive | None = None
    truncate_prompt_tokens: Annotated[int, Meta(ge=-1)] | None = None
    encoding_format: Literal["float", "base64"] | None = None
