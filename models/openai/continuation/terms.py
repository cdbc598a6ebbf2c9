"""Reads from a request what decides whether its answer can be continued."""

import enum

import msgspec

from turnout.models.openai.request import ApiRequest, Operation

COMPLETIONS_MAX_TOKENS = 16
"""What OpenAI's and vLLM's completions stop at if nothing is said. Source: both request schemas, read 2026-11."""

_NULL = msgspec.Raw(b"null")
_NONE = msgspec.Raw(b'"none"')


class Obstacle(enum.StrEnum):
    """Why an answer can't be continued; a label of metrics."""

    FINISHED = "finished"
    """It has its finish reason: only `[DONE]` or usage is missing."""
    SPENT = "spent"
    """As many tokens came as the caller allowed: its finish would have been `length`."""
    TOO_LONG = "too_long"
    """The transcript wasn't kept."""
    UNREADABLE = "unreadable"
    """The request or the answer has a field in a form that isn't known here."""
    TOOL_CALL = "tool_call"
    """A tool call has begun; half a call can't be handed over."""
    REASONING = "reasoning"
    """Reasoning came, which no server takes back as it was."""
    REFUSAL = "refusal"
    NOT_TEXT = "not_text"
    """Audio or images."""
    SEVERAL_CHOICES = "several_choices"
    JSON = "json"
    """A grammar is at work: `response_format`, or one of vLLM's and llama.cpp's guided decoding fields. It would begin anew in the middle."""
    LOGPROBS = "logprobs"
    """Probabilities or token ids belong to the answer; another server's don't fit on."""
    ECHO = "echo"
    """The answer begins with the prompt."""
    STOP_TEXT = "stop_text"
    """Stop strings are part of the answer (`include_stop_str_in_output`), and one may begin before the cut."""


class Terms(msgspec.Struct, frozen=True):
    """
    What a caller asked for, as far as it matters when somebody else goes on.

    Attributes:
        obstacle: what in the request forbids it, or None.
        has_parser: whether tools are on offer, so that an engine reads its text before it shows it.
        holds_text_back: whether there's a stop string of several characters: vLLM then shows text later than the tokens it comes from.
        continues_message: whether the caller's own last message is to be continued.
        prompt: of a completions request, if it's one text.
    """

    obstacle: Obstacle | None
    has_parser: bool
    holds_text_back: bool
    continues_message: bool
    prompt: str | None


class _Format(msgspec.Struct):
    type: str | None = None


class _Asked(msgspec.Struct):
    n: int | None = None
    best_of: int | None = None
    use_beam_search: bool | None = None
    logprobs: bool | int | None = None
    prompt_logprobs: int | None = None
    return_token_ids: bool | None = None
    return_tokens_as_token_ids: bool | None = None
    echo: bool | None = None
    response_format: _Format | None = None
    modalities: list[str] | None = None
    audio: msgspec.Raw = _NULL
    include_reasoning: bool | None = None
    include_stop_str_in_output: bool | None = None
    stop: str | list[str] | None = None
    tools: list[msgspec.Raw] | None = None
    functions: list[msgspec.Raw] | None = None
    tool_choice: msgspec.Raw = _NULL
    continue_final_message: bool | None = None
    prompt: str | list[str | int | list[int]] = ""


_asked = msgspec.json.Decoder(_Asked, strict=False)
_encode = msgspec.json.Encoder().encode
_GUIDED = (
    "guided_json",
    "guided_regex",
    "guided_choice",
    "guided_grammar",
    "structured_outputs",
    "grammar",
    "json_schema",
    "format",
    "regex",
    "ebnf",
)


def read_terms(request: ApiRequest) -> Terms:
    """What `request` asks for. Fields that are vLLM's own are read as leniently as vLLM reads them."""
    fields = {name: request.fields[name] for name in _Asked.__struct_fields__ if name in request.fields}
    try:
        asked = _asked.decode(_encode(fields))
    except msgspec.DecodeError:
        return Terms(Obstacle.UNREADABLE, has_parser=False, holds_text_back=False, continues_message=False, prompt=None)
    stops = [asked.stop] if isinstance(asked.stop, str) else asked.stop or []
    return Terms(
        _find_obstacle(request, asked, bool(stops)),
        has_parser=bool(asked.tools or asked.functions) and asked.tool_choice != _NONE,
        holds_text_back=any(len(stop) > 1 for stop in stops),
        continues_message=bool(asked.continue_final_message),
        prompt=_one_text(asked.prompt),
    )


def remaining_tokens(request: ApiRequest, output_tokens: int) -> int | None:
    """How many tokens the caller still allows after `output_tokens`, 0 or less for none, or None without a limit."""
    limit = request.max_output_tokens
    # A server that sent more has another default than 16: what it is can't be known.
    if limit is None and request.operation is Operation.COMPLETIONS and output_tokens < COMPLETIONS_MAX_TOKENS:
        limit = COMPLETIONS_MAX_TOKENS
    return None if limit is None else limit - output_tokens


def _one_text(prompt: str | list[str | int | list[int]]) -> str | None:
    """A prompt that is a text, alone or in a list."""
    if isinstance(prompt, list) and len(prompt) == 1:
        return prompt[0] if isinstance(prompt[0], str) else None
    return prompt if isinstance(prompt, str) else None


def _find_obstacle(request: ApiRequest, asked: _Asked, has_stop: bool) -> Obstacle | None:
    is_chat = request.operation is Operation.CHAT
    guides = any(request.fields.get(name, _NULL) != _NULL for name in _GUIDED)
    has_prompts = isinstance(asked.prompt, list) and len(asked.prompt) > 1 and not isinstance(asked.prompt[0], int)
    has_format = asked.response_format is not None and asked.response_format.type not in (None, "text")
    gives_logprobs = bool(asked.logprobs) if is_chat else asked.logprobs is not None
    gives_ids = bool(asked.return_token_ids or asked.return_tokens_as_token_ids)
    checks = {
        Obstacle.SEVERAL_CHOICES: has_prompts
        or max(asked.n or 1, asked.best_of or 1) > 1
        or bool(asked.use_beam_search),
        Obstacle.JSON: guides or has_format,
        Obstacle.LOGPROBS: gives_logprobs or gives_ids or asked.prompt_logprobs is not None,
        Obstacle.ECHO: bool(asked.echo),
        Obstacle.NOT_TEXT: asked.audio != _NULL or any(each != "text" for each in asked.modalities or ()),
        Obstacle.REASONING: asked.include_reasoning is False,
        Obstacle.STOP_TEXT: has_stop and bool(asked.include_stop_str_in_output),
    }
    return next((obstacle for obstacle, is_there in checks.items() if is_there), None)
