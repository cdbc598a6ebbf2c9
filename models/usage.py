"""Tokens and money of one upstream call."""

import enum
from typing import Annotated

import msgspec

# JSON bytes a token; only sizes estimates where nobody counted. SmolLM2's tokenizer has 4.4 over GSM8K's questions and 4.8 over the first turns of
# MT-Bench, so 4 estimates a little more than there is.
BYTES_PER_TOKEN = 4


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


class _PromptDetails(msgspec.Struct, gc=False):
    cached_tokens: _Tokens | None = None


class _CompletionDetails(msgspec.Struct, gc=False):
    reasoning_tokens: _Tokens | None = None


class OpenAIUsage(msgspec.Struct, gc=False):
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
