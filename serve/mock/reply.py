"""What a scripted model says to one request, decided before any of it is sent."""

import random
from functools import partial

import msgspec

from turnout.models.errors import BadRequest
from turnout.serve.mock.ask import ChatAsk, CompletionAsk, split_words
from turnout.serve.mock.begun import find_rest
from turnout.serve.mock.script import Fault, ModelScript, Text, ToolCall
from turnout.serve.mock.tokens import Prompt

_LOREM = split_words(
    "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna "
    "aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat"
)


class Choice(msgspec.Struct, frozen=True):
    """
    One answer.

    Attributes:
        pieces: its text, a token each.
        finish_reason: why it ends there.
        start: which token of the whole answer the first piece is; not 0 where the request had a beginning of it.
        prompt_ids: of everything before the first piece.
    """

    pieces: list[str]
    finish_reason: str
    start: int
    prompt_ids: list[int]


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
        gives_ids: whether a stream has token ids, as vLLM's has when it's asked for `return_token_ids`.
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
    gives_ids: bool
    ttft_s: float
    gap_s: float
    fault: Fault | None

    @property
    def completion_tokens(self) -> int:
        """Tokens of all choices; a call counts as the words of its arguments and one for its name."""
        if self.tool_calls:
            return sum(1 + len(split_words(call.arguments)) for call in self.tool_calls)
        return sum(len(choice.pieces) for choice in self.choices)


def make_reply(ask: ChatAsk | CompletionAsk, script: ModelScript, number: int, rng: random.Random, topic: str) -> Reply:
    """
    Decide the answer to `ask`. What it says hangs on the request and `topic` alone (but for texts of kind `list`), so that mocks of equal scripts are
    replicas of one model; when it comes, and what goes wrong, also on `number`.

    Args:
        ask: the request.
        script: of its model, with the request's own wishes applied.
        number: which request to the model it is, from 1.
        rng: of this request alone, so that requests at once don't change each other.
        topic: seed and model.

    Raises:
        BadRequest: the request ends with the assistant's words and the script refuses that, or its token ids aren't the beginning of an answer.
    """
    if script.refuses_prefill and isinstance(ask, ChatAsk) and ask.messages and ask.messages[-1].role == "assistant":
        raise BadRequest("This model takes no assistant prefill: the conversation must end with a user message.")
    draw, jitter = rng.random(), rng.random()
    latency = script.latency
    return Reply(
        number=number,
        model=ask.model,
        choices=_choose(ask, script.text, number, topic),
        tool_calls=script.tool_calls if ask.wants_tools else (),
        prompt_tokens=ask.prompt_tokens,
        gives_usage=script.has_usage
        and (not ask.stream or (ask.stream_options is not None and ask.stream_options.include_usage)),
        gives_ids=bool(ask.stream and ask.return_token_ids),
        ttft_s=latency.ttft_s + jitter * latency.ttft_jitter_s,
        gap_s=1 / latency.tokens_per_s if latency.tokens_per_s else 0.0,
        fault=next((fault for fault in script.faults if fault.applies(number, draw)), None),
    )


def _choose(ask: ChatAsk | CompletionAsk, text: Text, number: int, topic: str) -> list[Choice]:
    choices: list[Choice] = []
    for conversation in ask.conversations:
        for index in range(ask.n or 1):
            speak = partial(_speak, text, number, f"{topic} {index}")
            rest = find_rest(conversation, text.kind == "echo", speak)
            most = len(rest.pieces) if ask.most_tokens is None else ask.most_tokens
            finish_reason = "length" if most < len(rest.pieces) else "stop"
            choices.append(Choice(rest.pieces[:most], finish_reason, rest.start, rest.ids))
    return choices


def _speak(text: Text, number: int, topic: str, prompt: Prompt) -> list[str]:
    if text.kind == "lorem":
        rng = random.Random(f"{topic} {prompt.ids}")
        words = [rng.choice(_LOREM).strip() for _ in range(text.tokens or 0)]
        return split_words(" ".join(words))
    said = {
        "fixed": text.values[0] if text.values else "",
        "list": text.values[(number - 1) % len(text.values)] if text.values else "",
        "echo": prompt.last,
    }[text.kind]
    pieces = split_words(said)
    if text.tokens is None or not pieces:
        return pieces
    again = [pieces[0] if pieces[0][0].isspace() else f" {pieces[0]}", *pieces[1:]]
    while len(pieces) < text.tokens:
        pieces += again
    return pieces[: text.tokens]
