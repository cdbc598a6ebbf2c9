"""Tokens and money of one upstream call."""

import enum
from typing import Annotated

import msgspec


class UsageSource(enum.Enum):
    """Where a token count comes from: the provider said so, we counted, or we guessed from lengths."""

    PROVIDER = "provider"
    COUNTED = "counted"
    ESTIMATED = "estimated"


class Usage(msgspec.Struct, frozen=True):
    """
    Tokens of one call, each kind apart.

    `input_tokens` is the whole prompt; `cache_read_tokens` are the part of it that the upstream had cached. `output_tokens` is the whole
    completion; `reasoning_tokens` are the part of it that the client may not see.
    """

    input_tokens: int
    output_tokens: int
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    source: UsageSource = UsageSource.PROVIDER


# What no model counts is no count: it would overflow the ledger.
_Tokens = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]


class _PromptDetails(msgspec.Struct):
    cached_tokens: _Tokens | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: _Tokens | None = None


class OpenAIUsage(msgspec.Struct):
    """OpenAI's usage object, of which absent and null parts count as 0."""

    prompt_tokens: _Tokens | None = None
    completion_tokens: _Tokens | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None

    def to_usage(self) -> Usage:
        """The same in Turnout's words."""
        prompt, completion = self.prompt_tokens_details, self.completion_tokens_details
        return Usage(
            input_tokens=self.prompt_tokens or 0,
            output_tokens=self.completion_tokens or 0,
            cache_read_tokens=(prompt.cached_tokens or 0) if prompt else 0,
            reasoning_tokens=(completion.reasoning_tokens or 0) if completion else 0,
        )
