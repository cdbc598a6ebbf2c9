"""How a model leaves it open who answers, as the catalogue has it; `chooser.py` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, tzinfo
from typing import TYPE_CHECKING, Literal

from turnout.models.target import Capability

if TYPE_CHECKING:  # it needs NumPy, and the command line reads configs without
    from turnout.router.quality.predictor import QualityPredictor

ShareBy = Literal["session", "user", "key", "request"]


@dataclass(frozen=True, slots=True)
class Hours:
    """
    A part of the day.

    Attributes:
        begin, end: wall time in `zone`; an end that isn't later than the beginning is on the next day.
        days: on which it begins, Monday is 0.
        zone: whose clock.
    """

    begin: time
    end: time
    days: frozenset[int]
    zone: tzinfo


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
        one_of: names of which one must fit, by `tenant`, `team`, `user`, `key`, `tier`, `model`, `tag`, `task` or `language`; one that ends in `*`
            fits all that begin so.
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


@dataclass(frozen=True, slots=True)
class Auto:
    """
    By how good the models' answers would be, and what they'd cost.

    Attributes:
        models: from the weakest to the strongest.
        predictor: fitted on labels of all of them, or None for what cards and lexical signals say.
        min_quality: the cheapest that reaches it answers, unless the caller asks for another; None takes the greatest utility.
        good_answer_usd: what a good answer is worth, for that utility.
        embedder: the model that the predictor's embeddings come from, or "" to do without.
        embed_within_s: how long a request waits for one.
    """

    models: tuple[str, ...]
    predictor: "QualityPredictor | None" = field(default=None, compare=False)
    min_quality: float | None = None
    good_answer_usd: float | None = None
    embedder: str = ""
    embed_within_s: float = 0.05


Term = Rules | Auto
"""What `ModelRoute.choices` holds."""
