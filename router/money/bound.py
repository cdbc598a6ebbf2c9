"""The most that an attempt can cost: what is held for it before it begins."""

import msgspec

from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.target import Target
from turnout.models.usage import Usage

TEMPLATE_TOKENS = 64
"""For what a chat template or an instruction to go on adds."""

PART_TOKENS = 16_384
"""For an image, sound or file, which may be a short address: above what vendors count for the largest that they take."""

_PARTS = (b'"image_url":', b'"input_audio":', b'"file":')
_read = msgspec.json.decode
_prompt: msgspec.json.Decoder[str | list[str | int | list[int]]] = msgspec.json.Decoder(
    str | list[str | int | list[int]]
)


def bound_usage(request: ApiRequest, target: Target, carried_tokens: int = 0) -> Usage:
    """
    Tokens that no attempt at `target` goes beyond.

    A token is a byte or more, so the body's bytes are never fewer than its tokens; each choice and each prompt may use the whole output limit.

    Args:
        carried_tokens: of an answer so far, where the attempt goes on with it.
    """
    fields = request.fields
    prompt_bytes = sum(len(memoryview(raw)) for raw in fields.values())
    if request.operation is Operation.EMBEDDINGS:
        return Usage(prompt_bytes, 0)
    parts = _count_parts(bytes(fields["messages"])) if request.operation is Operation.CHAT else 0
    choices = 1 if request.operation is Operation.CHAT and "n" not in fields else _count_choices(request)
    limit = _read_limit(request, target)
    input_tokens = prompt_bytes + TEMPLATE_TOKENS + carried_tokens + parts * PART_TOKENS
    return Usage(input_tokens, limit * choices)


def cap_output(request: ApiRequest, target: Target) -> ApiRequest:
    """The request with the target's `max_output_tokens` for its own, where the caller gave no limit: without one, nothing bounds its cost."""
    if request.max_output_tokens is not None or request.operation is Operation.EMBEDDINGS:
        return request
    limit = target.max_output_tokens
    fields = {**request.fields, "max_tokens": msgspec.Raw(b"%d" % limit)}
    return msgspec.structs.replace(request, fields=fields, max_output_tokens=limit)


def _read_limit(request: ApiRequest, target: Target) -> int:
    """The greater of the two names for it, where both are given: upstreams differ in which they obey."""
    limit = request.max_output_tokens
    if limit is None:
        return target.max_output_tokens
    if "max_completion_tokens" in request.fields and "max_tokens" in request.fields:
        other = _read(request.fields["max_tokens"])
        return max(limit, other) if isinstance(other, int) else limit
    return limit


def _count_parts(messages: bytes) -> int:
    """Images and the like. One byte is found much faster than several, and messages of texts alone have no second list."""
    if messages.find(b"[", 1) < 0:
        return 0
    if b"\\" in messages and b"\\u" in messages:  # a name may be written in escapes
        messages = msgspec.json.encode(_read(messages))
    return sum(messages.count(part) for part in _PARTS)


def _count_choices(request: ApiRequest) -> int:
    fields = request.fields
    choices = 1
    for name in ("n", "best_of"):
        if name in fields:
            count = _read(fields[name])
            if isinstance(count, int):
                choices = max(choices, count)
    if request.operation is Operation.COMPLETIONS:
        choices *= _count_prompts(fields["prompt"])
    return choices


def _count_prompts(prompt: msgspec.Raw) -> int:
    """A list of texts or of lists of token ids is as many prompts; a list of ids is one."""
    prompts = _prompt.decode(prompt)
    return len(prompts) if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int) else 1
