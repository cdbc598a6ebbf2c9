"""The parts of a request that a mock looks at."""

import re
from typing import Any

import msgspec

_WORD = re.compile(r"\s*\S+")

Texts = str | list[str | int | list[int]]
"""One text, several, one as token ids, or several as token ids."""


class StreamOptions(msgspec.Struct):
    """OpenAI's object of that name."""

    include_usage: bool = False


class Message(msgspec.Struct):
    """One message of a chat; parts that aren't text count as nothing."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """All of its text."""
        if isinstance(self.content, list):
            return " ".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""


class _Ask(msgspec.Struct, kw_only=True):
    model: str
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    n: int | None = None
    return_token_ids: bool | None = None


class ChatAsk(_Ask, kw_only=True):
    """A request to `/v1/chat/completions`."""

    messages: list[Message]
    max_completion_tokens: int | None = None
    tools: list[Any] | None = None

    @property
    def conversations(self) -> list[list[Message] | list[int]]:
        """The one there is."""
        return [[*self.messages]]

    @property
    def prompt_tokens(self) -> int:
        """Words of all messages."""
        return sum(count_words(message.text) for message in self.messages)

    @property
    def most_tokens(self) -> int | None:
        """How long the answer may be."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def wants_tools(self) -> bool:
        """Whether tools are offered."""
        return bool(self.tools)


class CompletionAsk(_Ask, kw_only=True):
    """A request to `/v1/completions`."""

    prompt: Texts

    @property
    def conversations(self) -> list[list[Message] | list[int]]:
        """A choice each: a text is one message of nobody's, token ids stay what they are."""
        if isinstance(self.prompt, str):
            return [[Message("", self.prompt)]]
        if self.prompt and isinstance(self.prompt[0], int):
            return [[token for token in self.prompt if isinstance(token, int)]]
        return [each if isinstance(each, list) else [Message("", str(each))] for each in self.prompt]

    @property
    def prompt_tokens(self) -> int:
        """Words of all prompts; an id counts as one."""
        return sum(count_words(prompt) for prompt in texts_of(self.prompt))

    @property
    def most_tokens(self) -> int | None:
        """How long the answer may be."""
        return self.max_tokens

    @property
    def wants_tools(self) -> bool:
        """Never."""
        return False


class EmbeddingAsk(msgspec.Struct, kw_only=True):
    """A request to `/v1/embeddings`."""

    model: str
    input: Texts
    dimensions: int | None = None
    encoding_format: str | None = None


def texts_of(given: Texts) -> list[str]:
    """One text an input; token ids become words."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [" ".join(str(token) for token in given)]
    return [" ".join(str(token) for token in each) if isinstance(each, list) else str(each) for each in given]


def split_words(text: str) -> list[str]:
    """The mock's tokens: words with the blanks before them; joined they are the text again, but for blanks at its end."""
    return _WORD.findall(text)


def count_words(text: str) -> int:
    """How many tokens the mock takes `text` for."""
    return len(split_words(text))
