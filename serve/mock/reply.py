"""What a scripted model says to one request, decided before any of it is sent."""

import random

import msgspec

from turnout.serve.mock.ask import ChatAsk, CompletionAsk, split_words
from turnout.serve.mock.script import Fault, ModelScript, Text, ToolCall

_LOREM = split_words(
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna "
    "aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat"
)


class Choice(msgspec.Struct, frozen=True):
    """One answer: pieces of text, a token each, and why it ends there."""

    pieces: list[str]
    finish_reason: str


class Reply(msgspec.Struct, frozen=True):
    """
    Everything that will be sent, and when.

    Attributes:
        number: which request to the model it answers, from 1.
        model: the name asked for.
        choices: one or more.
        tool_calls: in place of the choices' text, or empty.
        prompt_tokens: words of the prompt.
        gives_usage: whether usage is part of the answer.
        ttft_s: before the first token.
        gap_s: between two tokens; 0 for none.
        fault: what goes wrong, or None.
    """

    number: int
    model: str
    choices: list[Choice]
    tool_calls: tuple[ToolCall, ...]
    prompt_tokens: int
    gives_usage: bool
    ttft_s: float
    gap_s: float
    fault: Fault | None

    @property
    def completion_tokens(self) -> int:
        """Tokens of all choices; a call counts as the words of its arguments and one for its name."""
        if self.tool_calls:
            return sum(1 + len(split_words(call.arguments)) for call in self.tool_calls)
        return sum(len(choice.pieces) for choice in self.choices)


def make_reply(ask: ChatAsk | CompletionAsk, script: ModelScript, number: int, rng: random.Random) -> Reply:
    """
    Decide the answer to `ask`.

    Args:
        ask: the request.
        script: of its model, with the request's own wishes applied.
        number: which request to the model it is, from 1.
        rng: of this request alone, so that requests at once don't change each other.
    """
    draw, jitter = rng.random(), rng.random()
    latency = script.latency
    choices = [
        _cut(_speak(script.text, prompt, number, rng), ask.most_tokens)
        for prompt in ask.prompts
        for _ in range(ask.n or 1)
    ]
    return Reply(
        number=number,
        model=ask.model,
        choices=choices,
        tool_calls=script.tool_calls if ask.wants_tools else (),
        prompt_tokens=ask.prompt_tokens,
        gives_usage=script.has_usage
        and (not ask.stream or (ask.stream_options is not None and ask.stream_options.include_usage)),
        ttft_s=latency.ttft_s + jitter * latency.ttft_jitter_s,
        gap_s=1 / latency.tokens_per_s if latency.tokens_per_s else 0.0,
        fault=next((fault for fault in script.faults if fault.applies(number, draw)), None),
    )


def _speak(text: Text, prompt: str, number: int, rng: random.Random) -> list[str]:
    if text.kind == "lorem":
        words = [rng.choice(_LOREM).strip() for _ in range(text.tokens or 0)]
        return split_words(" ".join(words))
    said = {
        "fixed": text.values[0] if text.values else "",
        "list": text.values[(number - 1) % len(text.values)] if text.values else "",
        "echo": prompt,
    }[text.kind]
    pieces = split_words(said)
    if text.tokens is None or not pieces:
        return pieces
    again = [pieces[0] if pieces[0][0].isspace() else f" {pieces[0]}", *pieces[1:]]
    while len(pieces) < text.tokens:
        pieces += again
    return pieces[: text.tokens]


def _cut(pieces: list[str], most_tokens: int | None) -> Choice:
    if most_tokens is not None and most_tokens < len(pieces):
        return Choice(pieces[:most_tokens], "length")
    return Choice(pieces, "stop")
