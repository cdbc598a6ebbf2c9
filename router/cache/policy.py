"""Says what may be answered from the cache, and what may be kept in it, each time with the reason."""

import enum
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from turnout.models.access import Principal
from turnout.models.openai.request import ApiRequest, Operation
from turnout.router.cache.controls import Controls
from turnout.router.values import Constraints

TIME_WORDS: Final = (
    "now", "today", "tonight", "tomorrow", "yesterday", "currently", "latest", "recent", "recently", "this week", "this month", "this year",
    "what time", "what day", "price of", "prices", "stock", "weather", "forecast", "news", "score of", "exchange rate",
)  # fmt: skip
"""Words of questions whose answer isn't the same an hour later; a list by hand, which a model's settings can replace."""


MOST_PROMPT_BYTES: Final = 512 * 1024
"""Some 3 ms on the event loop."""


class Scope(enum.Enum):
    """Who shares answers: never more than one tenant's own."""

    TENANT = "tenant"
    USER = "user"
    KEY = "key"


class Reason(enum.StrEnum):
    """Why a request isn't answered from the cache, or its answer not kept; a header and a metric's label."""

    ASKED = "asked"
    """The caller wants it so."""
    EXCLUDED = "excluded"
    """The policy leaves this key or tenant out."""
    PRIVATE = "private"
    """Nobody may keep the prompt."""
    PERSONAL = "personal"
    """Answers are personal, and the request lacks the field that says whose."""
    TEMPERATURE = "temperature"
    """It wants more variety than the policy lets through."""
    TIME = "time"
    """The answer changes with time."""
    TOOLS = "tools"
    """It may call tools, and the policy doesn't keep such answers."""
    MEDIA = "media"
    """It searches the web, or answers in sound."""
    SIZE = "size"
    """Comparing so long a prompt would hold up everybody else."""
    UNREADABLE = "unreadable"
    """It can't be brought into one form, so it can't be compared."""


@dataclass(frozen=True, slots=True)
class CachePolicy:
    """
    What one model's answers are kept for.

    Attributes:
        revision: digest of what answers for the model; entries of another one are never found.
        ttl_s: how long an answer is fresh.
        stale_s: how long after that it may still be given when nothing else can answer.
        answer_bytes: a larger answer isn't kept, and nobody joins it on its way.
        max_temperature: requests that ask for more are passed by; an absent temperature isn't.
        scope: who shares answers.
        personal: fields of the body that are part of the scope; a request that lacks one of them is passed by.
        time_words: in the last message of a user, they say that the answer changes with time.
        keeps_tool_calls: whether requests with tools have a place here.
        excluded: key ids and tenants that are passed by.
    """

    revision: str
    ttl_s: float = 3600.0
    stale_s: float = 86_400.0
    answer_bytes: int = 256 * 1024
    max_temperature: float = 0.5
    scope: Scope = Scope.TENANT
    personal: tuple[str, ...] = ()
    time_words: tuple[str, ...] = TIME_WORDS
    keeps_tool_calls: bool = True
    excluded: frozenset[str] = frozenset()


class _Turn(msgspec.Struct, gc=False):
    role: str
    content: msgspec.Raw = msgspec.Raw(b"null")


_decode_turns = msgspec.json.Decoder(list[_Turn]).decode
_decode_number = msgspec.json.Decoder(float | None).decode
_decode_any = msgspec.json.Decoder().decode
_NULL = msgspec.Raw(b"null")
_TOOLS = ("tools", "functions")
_MEDIA = ("web_search_options", "audio")


def why_bypass(
    request: ApiRequest, principal: Principal, constraints: Constraints, policy: CachePolicy, controls: Controls
) -> Reason | None:
    """Why this request has nothing to do with the cache, or None where it may be answered from it or its answer kept."""
    if not (controls.may_find or controls.may_keep):
        return Reason.ASKED
    if policy.excluded and not policy.excluded.isdisjoint((principal.key_id, principal.tenant)):
        return Reason.EXCLUDED
    if request.prompt_bytes > MOST_PROMPT_BYTES:
        return Reason.SIZE
    if constraints.is_private:
        return Reason.PRIVATE
    if any(request.fields.get(name, _NULL) == _NULL for name in policy.personal):
        return Reason.PERSONAL
    return None if request.operation is Operation.EMBEDDINGS else _why_open(request, policy)


def _why_open(request: ApiRequest, policy: CachePolicy) -> Reason | None:
    """Why the same question may want another answer, or None."""
    fields = request.fields
    temperature = fields.get("temperature")
    if temperature is not None and (_decode_number(temperature) or 0.0) > policy.max_temperature:
        return Reason.TEMPERATURE
    if any(name in fields for name in _MEDIA):
        return Reason.MEDIA
    if not policy.keeps_tool_calls and any(fields.get(name, _NULL) != _NULL for name in _TOOLS):
        return Reason.TOOLS
    if policy.time_words and find_time_word(read_last_text(request), policy.time_words) is not None:
        return Reason.TIME
    return None


def read_last_text(request: ApiRequest) -> str:
    """What the user said last, or the prompt of a completion, as far as it's text."""
    raw = request.fields[request.operation.prompt_field]
    if request.operation is not Operation.CHAT:
        return _join(_decode_any(raw))
    for turn in reversed(_decode_turns(raw)):
        if turn.role == "user":
            return _join(_decode_any(turn.content))
    return ""


def find_time_word(text: str, words: Sequence[str]) -> str | None:
    """The first of `words` (in lower case) that stands in `text` as a word of its own, or None."""
    lower = text.lower()
    for word in words:
        # Most words aren't there at all, and a plain search says so ten times as fast as a pattern.
        if word in lower and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", lower):
            return word
    return None


def _join(content: object) -> str:
    """The texts of a content or prompt in one."""
    if isinstance(content, str):
        return content
    if isinstance(content, dict):
        return _join(content.get("text"))  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType]
    if isinstance(content, list):
        return "\n".join(_join(part) for part in content)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return ""
