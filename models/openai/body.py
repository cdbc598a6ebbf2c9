"""Writes the body that goes upstream: the caller's own bytes, less what is the gateway's, with the target's model name."""

from collections.abc import Mapping

import msgspec

from turnout.models.openai.request import ApiRequest

# Fields of the gateway's own, and fields that would let a caller reach into a shared engine: another tenant's prefix cache, request ids, scheduling,
# raw embeddings, templates. Source: the security notes of vLLM's OpenAI server and its request models, 0.32.
DENIED = frozenset(
    {
        "cache",
        "cache_salt",
        "chat_template",
        "chat_template_kwargs",
        "disable_fallbacks",
        "fallbacks",
        "kv_transfer_params",
        "min_quality",
        "models",
        "priority",
        "prompt_embeds",
        "provider",
        "request_id",
        "session_id",
        "timeout",
        "vllm_xargs",
    }
)
_NULL = msgspec.Raw(b"null")
_USAGE_ON = msgspec.Raw(b'{"include_usage":true}')
_encode = msgspec.json.Encoder().encode


def encode_name(name: str) -> msgspec.Raw:
    """A model name as JSON, made once a target."""
    return msgspec.Raw(_encode(name))


def upstream_body(request: ApiRequest, model: msgspec.Raw) -> bytes:
    """
    The JSON to send for `request` to a server that calls its model `model`.

    Nulls are left out (vLLM refuses some of them), the usage chunk of a stream is always asked for, everything else passes as it came. A caller's own
    `priority` never does: what an engine is told is the gateway's.
    """
    fields = {key: raw for key, raw in request.fields.items() if key not in DENIED and raw != _NULL}
    fields["model"] = model
    if request.is_stream and not request.wants_usage:
        fields["stream_options"] = _with_usage(request.fields)
    if request.engine_priority is not None:
        fields["priority"] = msgspec.Raw(b"%d" % request.engine_priority)
    return _encode(fields)


def _with_usage(fields: Mapping[str, msgspec.Raw]) -> msgspec.Raw:
    """The caller's stream options with usage switched on."""
    options = fields.get("stream_options", _NULL)
    if options == _NULL:
        return _USAGE_ON
    merged = msgspec.json.decode(options, type=dict[str, msgspec.Raw])
    merged["include_usage"] = msgspec.Raw(b"true")
    return msgspec.Raw(_encode(merged))
