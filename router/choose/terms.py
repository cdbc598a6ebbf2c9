"""How a model leaves it open who answers, as the catalogue has it; `chooser.py` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from typing import Literal
from zoneinfo import ZoneInfo

from turnout.models.target import Capability

ShareBy = Literal["session", "user", "key", "request"]


@dataclass(frozen=True, slots=True)
class Hours:
    """
    A part of the day.

    Attributes:
        begin, end: wall time in `zone`; an end before the beginning is on the next day.
        days: on which it begins, Monday is 0.
        zone: whose clock.
    """

    begin: time
    end: time
    days: frozenset[int]
    zone: ZoneInfo


@dataclass(frozen=True, slots=True)
class Share:
    """
    A part of the requests, the same ones in every router.

    Attributes:
        part: of 1.
        by: what stays together. Requests that belong to no session, or whose key is nobody's, are taken one by one or by their key.
    """

    part: float
    by: ShareBy = "session"


@dataclass(frozen=True, slots=True)
class When:
    """
    Whom a rule is for; all that's said must hold, and what isn't said holds for everybody.

    Attributes:
        one_of: names of which one must fit, by `tenant`, `team`, `user`, `key`, `tier`, `model`, `tag` or `task`; one that ends in `*` fits all that
            begin so.
        headers: the same for headers of the request, by their names in lower case.
        least_tokens, most_tokens: of the prompt, both included.
        hours: when.
        share: a part of those for whom the rest holds.
        has: what the request needs.
        is_stream: whether it's a stream, or None for either.
    """

    one_of: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    headers: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    least_tokens: int | None = None
    most_tokens: int | None = None
    hours: Hours | None = None
    share: Share | None = None
    has: frozenset[Capability] = frozenset()
    is_stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Requests for which `when` holds are answered by `model`."""

    when: When
    model: str


@dataclass(frozen=True, slots=True)
class Rules:
    """Rules in order: the first that fits."""

    rules: tuple[Rule, ...]


Term = Rules
"""What `ModelRoute.choices` holds."""
