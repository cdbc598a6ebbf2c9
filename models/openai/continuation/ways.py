"""Decides by which ways an answer that broke off can be continued."""

import enum
from typing import Final

from turnout.models.openai.continuation.progress import Progress
from turnout.models.openai.continuation.terms import Terms, read_terms, remaining_tokens
from turnout.models.openai.request import ApiRequest, Operation
from turnout.models.target import ContinueBy, Endpoint, Target


class Continuation(enum.Enum):
    """How a server is asked to go on with an answer, from the most exact way to the least; the value is a label."""

    TOKENS = "tokens"
    """By token ids, between engines of one pool: nothing is lost or doubled. Greedy answers in float32 come out as if nothing had happened; in
    bfloat16 ties may fall otherwise, and a sampled answer goes on validly, but not as its seed or its penalties would have."""
    TEXT = "text"
    """By the text itself, which an engine reads as its own beginning (vLLM's `continue_final_message`, or a prompt). Nothing is lost or doubled; the
    text may be cut into other tokens than before."""
    PREFILL = "prefill"
    """By the text as a last message of the assistant, which a server may take for its own beginning or not, or refuse; or as a prompt's end."""
    INSTRUCTION = "instruction"
    """By asking in words."""


_BY_WORDS: Final[dict[ContinueBy, tuple[Continuation, ...]]] = {
    ContinueBy.PREFILL: (Continuation.PREFILL, Continuation.INSTRUCTION),
    ContinueBy.INSTRUCTION: (Continuation.INSTRUCTION,),
    ContinueBy.NEVER: (),
}


def find_ways(
    request: ApiRequest, progress: Progress, target: Target, endpoint: Endpoint, is_same_target: bool
) -> tuple[Continuation, ...]:
    """
    The ways in which `endpoint` can take over, best first; () if it can't.

    With an obstacle there's none. Without any text there's none either: the request can be asked anew. A later way is for a server that refuses an
    earlier one. A completions request has no messages, so it isn't continued by instruction.

    Args:
        target: the endpoint's.
        is_same_target: whether the stream that broke was this target's too, so that its token ids mean the same.
    """
    if progress.obstacle is not None or not progress.text:
        return ()
    terms = read_terms(request)
    by_tokens = (
        (Continuation.TOKENS,) if is_same_target and _takes_tokens(request, terms, progress, target, endpoint) else ()
    )
    if target.continues_by is ContinueBy.NEVER:
        return by_tokens
    if request.operation is not Operation.CHAT:
        by_prompt = Continuation.TEXT if target.is_local else Continuation.PREFILL
        return by_tokens if terms.prompt is None else (*by_tokens, by_prompt)
    if target.is_local:
        return (*by_tokens, Continuation.TEXT, Continuation.INSTRUCTION)
    return _BY_WORDS[target.continues_by]


def tokens_to_ask(request: ApiRequest, progress: Progress, endpoint: Endpoint) -> int | None:
    """
    The `max_tokens` of a continuation by tokens, or None if it can't be known.

    It has to be given: an engine's completions stop at 16 otherwise, and a chat that named no limit may fill the context.
    """
    remaining = remaining_tokens(request, progress.output_tokens)
    if remaining is not None:
        return max(1, remaining)
    if endpoint.context_tokens is None or progress.prompt_token_ids is None:
        return None
    left = endpoint.context_tokens - len(progress.prompt_token_ids) - len(progress.token_ids)
    return left if left > 0 else None


def _takes_tokens(request: ApiRequest, terms: Terms, progress: Progress, target: Target, endpoint: Endpoint) -> bool:
    """
    Whether ids say exactly where the client's text ends, and an engine's completions route would say the rest as its chat route does.

    It has no parser for tool calls. With a stop string of several characters the client's text lags behind the ids, by how much only the tokenizer
    knows. Source: vLLM 0.32, `v1/engine/detokenizer.py`, `stop_buffer_length`.
    """
    return (
        target.is_local
        and progress.prompt_token_ids is not None
        and not terms.has_parser
        and not terms.holds_text_back
        and tokens_to_ask(request, progress, endpoint) is not None
    )
