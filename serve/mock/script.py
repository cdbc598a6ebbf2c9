"""What a mock provider does, as it's written in a file: models, their texts and timings, and the faults they show."""

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Latency(_Part):
    """
    How long an answer takes.

    Attributes:
        ttft_s: before the first token; the same before a unary answer.
        ttft_jitter_s: up to so much more, evenly spread.
        tokens_per_s: pace after the first token; None sends them as fast as they go. A unary answer waits as long as its stream would take.
    """

    ttft_s: float = Field(default=0.0, ge=0)
    ttft_jitter_s: float = Field(default=0.0, ge=0)
    tokens_per_s: float | None = Field(default=None, gt=0)


class Text(_Part):
    """
    What is answered.

    Attributes:
        kind: `fixed` says `values[0]`; `echo` the last message or the prompt; `list` takes `values` in turn; `lorem` makes up `tokens` words.
        values: for `fixed` and `list`.
        tokens: for `lorem`; for the others None leaves the text as long as it is, a number repeats or cuts it.
    """

    kind: Literal["fixed", "echo", "list", "lorem"] = "fixed"
    values: tuple[str, ...] = ("Hello! I am a scripted model, and this is what I always say.",)
    tokens: int | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.kind in {"fixed", "list"} and not self.values:
            raise ValueError(f"text of kind {self.kind!r} needs at least one of 'values'")
        if self.kind == "lorem" and self.tokens is None:
            raise ValueError("text of kind 'lorem' needs 'tokens'")
        return self


class ToolCall(_Part):
    """A call that is answered in place of a text when the request offers tools. `arguments` is JSON text."""

    name: str
    arguments: str = "{}"


FaultKind = Literal[
    "status",
    "context_length",
    "content_filter",
    "reset",
    "close",
    "cut",
    "stall",
    "malformed",
    "no_done",
    "error_event",
]


class Fault(_Part):
    """
    Something that goes wrong, and when. Without `at`, `first`, `every` and `share` it's always; of several faults the first that applies is shown.

    All faults of a model go by one draw for each request, so that shares of 0.1, 0.3 and 0.6 in this order show the first to a tenth of the requests,
    the second to two tenths, and the third to three.

    Attributes:
        do: `status` answers `status` with an error body, `context_length` and `content_filter` OpenAI's 400 for them. `reset` breaks the connection
            off with an RST, `close` with an orderly FIN, both without the end of the answer; `cut` ends the stream in good order but without a
            finish reason or `[DONE]`; `stall` says nothing for `stall_s` and goes on; `malformed` sends an event that isn't JSON and goes on;
            `no_done` leaves `[DONE]` out; `error_event` ends a stream with an error in it.
        after_tokens: where a stream shows it; 0 is before the first byte of the answer. A unary answer shows it before its first byte or in the
            middle of its body: `cut` and `malformed` are half a body that looks whole, `no_done` a whole one whose framing doesn't end.
        at: numbers of requests to this model, from 1.
        first: the first so many requests.
        every: each n-th request.
        share: this share of requests, drawn by the script's seed and the request's number.
        from_s: not before the script has been in force for so long.
        until_s: not after that; None for no end.
    """

    do: FaultKind
    status: int = Field(default=500, ge=400, le=599)
    retry_after_s: float | None = Field(default=None, ge=0)
    after_tokens: int = Field(default=0, ge=0)
    stall_s: float = Field(default=3600.0, ge=0)
    at: tuple[int, ...] = ()
    first: int | None = Field(default=None, ge=1)
    every: int | None = Field(default=None, ge=1)
    share: float | None = Field(default=None, ge=0, le=1)
    from_s: float = Field(default=0.0, ge=0)
    until_s: float | None = Field(default=None, ge=0)

    def is_on(self, age_s: float) -> bool:
        """Whether it may be shown when the script is so old."""
        return self.from_s <= age_s and (self.until_s is None or age_s < self.until_s)

    def applies(self, number: int, draw: float) -> bool:
        """Whether request `number` (from 1) shows it; `draw` in [0, 1) decides for `share`."""
        if not (self.at or self.first or self.every) and self.share is None:
            return True
        return (
            number in self.at
            or (self.first is not None and number <= self.first)
            or (self.every is not None and number % self.every == 0)
            or (self.share is not None and draw < self.share)
        )


class ModelScript(_Part):
    """
    One model.

    Attributes:
        latency: how fast.
        text: what it says.
        tool_calls: what it calls when the request offers tools; empty for none.
        faults: what goes wrong.
        context_tokens: a longer prompt is answered 400 `context_length_exceeded`; None for no limit. A token is a word here.
        has_usage: whether usage is given at all; a stream gives it only when asked, as OpenAI does.
        embedding_dims: length of its embeddings where the request doesn't say.
        requests_per_minute: more are answered 429; answers then say in OpenAI's headers how many are left. None for no limit.
        refuses_prefill: whether a chat that ends with a message of the assistant is answered 400; otherwise the answer goes on from that message.
    """

    latency: Latency = Latency()
    text: Text = Text()
    tool_calls: tuple[ToolCall, ...] = ()
    faults: tuple[Fault, ...] = ()
    context_tokens: int | None = Field(default=None, ge=1)
    has_usage: bool = True
    embedding_dims: int = Field(default=384, ge=1, le=8192)
    requests_per_minute: int | None = Field(default=None, ge=1)
    refuses_prefill: bool = False

    def at_age(self, age_s: float) -> "ModelScript":
        """What it is when it has been in force for so long: without the faults that are over or to come."""
        faults = tuple(fault for fault in self.faults if fault.is_on(age_s))
        return self if len(faults) == len(self.faults) else self.model_copy(update={"faults": faults})


class MockScript(_Part):
    """
    A whole mock provider.

    Attributes:
        seed: of everything random; equal scripts answer equal requests alike.
        models: by name; the name `*` stands for every other one.
        api_key: if set, requests without it as a bearer token are answered 401.
    """

    seed: int = 0
    models: dict[str, ModelScript] = Field(default={"mock": ModelScript()}, min_length=1)
    api_key: str | None = None

    def find(self, model: str) -> ModelScript | None:
        """The script of `model`, or None if there's no such model."""
        return self.models.get(model) or self.models.get("*")


def parse_script(document: Any) -> MockScript:
    """
    Check a decoded document.

    Raises:
        pydantic.ValidationError: it isn't a script; names every wrong place.
    """
    return MockScript.model_validate(document)


def load_script(path: Path) -> MockScript:
    """
    Read a script from a YAML or JSON file.

    Raises:
        OSError: the file can't be read.
        ValueError: it's neither YAML nor a script (pydantic's errors are ValueErrors).
    """
    try:
        document = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path} isn't YAML: {error}") from error
    return parse_script(document or {})
