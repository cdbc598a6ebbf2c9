"""Ends an answer that broke off when nothing of it was missing but its end."""

import msgspec

from turnout.models.openai.answer import DONE
from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.terms import Obstacle
from turnout.models.openai.request import ApiRequest, Operation

_encode = msgspec.json.Encoder().encode


def write_ending(request: ApiRequest, progress: Progress) -> bytes | None:
    """
    The events that the client still lacks, or None if its answer isn't at its end.

    An answer with a finish reason lacks only usage and `[DONE]`. One of as many tokens as the caller allowed would have finished with `length`,
    counted by ids and not estimated. Usage is said where the client asked for it, lacks it and the prompt's length is known.
    """
    if progress.obstacle not in (Obstacle.FINISHED, Obstacle.SPENT):
        return None
    events = b""
    if progress.obstacle is Obstacle.SPENT:
        events += _event(request, progress, [_finish(request)], None)
    if request.wants_usage and not progress.has_usage and progress.prompt_tokens is not None:
        prompt, output = progress.prompt_tokens, progress.output_tokens
        usage = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": prompt + output}
        events += _event(request, progress, [], usage)
    return events + DONE


def _finish(request: ApiRequest) -> dict[str, object]:
    said: dict[str, object] = {"delta": {}} if request.operation is Operation.CHAT else {"text": ""}
    return {"index": 0, **said, "logprobs": None, "finish_reason": "length"}


def _event(
    request: ApiRequest, progress: Progress, choices: list[dict[str, object]], usage: dict[str, int] | None
) -> bytes:
    chunk: dict[str, object] = {
        "id": progress.id,
        "object": "chat.completion.chunk" if request.operation is Operation.CHAT else "text_completion",
        "created": progress.created,
        "model": progress.model,
        "choices": choices,
    }
    return b"data: %s\n\n" % _encode(chunk if usage is None else {**chunk, "usage": usage})
