"""How the cluster file says which model answers, where the one asked for leaves it open: rules and `auto`."""

from datetime import UTC, time, tzinfo
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from turnout.models.target import Capability
from turnout.router.choose.terms import Auto, Hours, Rule, Rules, Share, ShareBy, Term, When
from turnout.serve.config.fields import ModelName, ModelPattern, Settings, expand_home
from turnout.serve.config.secret import ConfigError

if TYPE_CHECKING:
    from turnout.router.quality.predictor import QualityPredictor

Language = Literal[
    "ar",
    "de",
    "el",
    "en",
    "es",
    "fa",
    "fr",
    "he",
    "hi",
    "it",
    "ja",
    "ko",
    "nl",
    "pl",
    "pt",
    "ru",
    "sv",
    "th",
    "tr",
    "uk",
    "zh",
]
"""What `router/choose/language.py` tells apart."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MINUTES_IN_DAY = 24 * 60


def _to_list(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _to_clock(value: object) -> object:
    """YAML reads an unquoted 18:30 as a number to the base of 60."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MINUTES_IN_DAY:
        return f"{value // 60:02}:{value % 60:02}"
    return value


def _check_zone(name: str) -> str:
    find_zone(name)
    return name


def _to_models(value: object) -> object:
    return {"models": value} if isinstance(value, list | tuple) else value


Name = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f]+$")]
Names = Annotated[
    tuple[Name, ...],
    BeforeValidator(_to_list, json_schema_input_type=Name | tuple[Name, ...]),
    Field(min_length=1, max_length=1024),
]
"""One name or several, of which one must fit; a name that ends in `*` fits all that begin so."""

HeaderName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Clock = Annotated[
    str, BeforeValidator(_to_clock, json_schema_input_type=str), Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
]


def find_zone(name: str) -> tzinfo:
    """
    The time zone of that name.

    Raises:
        ValueError: there's none on this machine.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone here; write one such as Europe/Berlin, or UTC") from error


class LengthSettings(Settings):
    """
    How long a prompt is, estimated from its bytes.

    Attributes:
        at_least, at_most: both included.
    """

    at_least: Annotated[int, Field(ge=1)] | None = None
    at_most: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("prompt_tokens needs at_least, at_most or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(f"no prompt has at least {self.at_least} and at most {self.at_most} tokens")
        return self


class HoursSettings(Settings):
    """
    A part of the day.

    Attributes:
        after, before: wall time, such as `"18:30"`; a `before` that isn't later than `after` is on the next day.
        days: on which it begins.
        zone: whose clock, such as `Europe/Berlin`.
    """

    after: Clock = "00:00"
    before: Clock = "00:00"
    days: Annotated[tuple[Day, ...], Field(min_length=1)] = _DAYS
    zone: Annotated[str, AfterValidator(_check_zone)] = "UTC"

    def to_hours(self) -> Hours:
        """The same for the router."""
        days = frozenset(_DAYS.index(day) for day in self.days)
        return Hours(time.fromisoformat(self.after), time.fromisoformat(self.before), days, find_zone(self.zone))


class WhenSettings(Settings):
    """
    Whom a rule is for: all that's said must hold. Where a name is expected there may be a list, of which one must fit, and one that ends in `*` fits
    all that begin so.

    Attributes:
        tenant, team, user, key, tier: who asks; a key by its ID.
        tag: one of the key's, or of the request's `metadata.tags`.
        header: lines of the request's header, by name.
        model: the name asked for, where this model's own ends in `*`.
        task: what `x-turnout-task` says.
        language: of the question, as its script and smallest words tell it.
        prompt_tokens: how long the prompt is.
        time: when.
        has: what the request can't do without; all of it.
        stream: whether a stream is asked for.
        share: a part of those for whom the rest holds: the same ones in every router and after every restart.
        share_by: what stays together in a share: a `session` (`x-turnout-session`, else each request), a `user` (else a key), a `key` or a `request`.
    """

    tenant: Names | None = None
    team: Names | None = None
    user: Names | None = None
    key: Names | None = None
    tier: Names | None = None
    tag: Names | None = None
    header: dict[HeaderName, Names] = {}
    model: Names | None = None
    task: Names | None = None
    language: (
        Annotated[
            tuple[Language, ...], BeforeValidator(_to_list, json_schema_input_type=Language | tuple[Language, ...])
        ]
        | None
    ) = None
    prompt_tokens: LengthSettings | None = None
    time: HoursSettings | None = None
    has: tuple[Capability, ...] = ()
    stream: bool | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    share_by: ShareBy = "session"

    def to_when(self) -> When:
        """The same for the router."""
        asked = {name: getattr(self, name) for name in _NAMED}
        length = self.prompt_tokens or LengthSettings.model_construct()
        return When(
            {name: names for name, names in asked.items() if names is not None},
            dict(self.header),
            length.at_least,
            length.at_most,
            self.time.to_hours() if self.time else None,
            Share(self.share, self.share_by) if self.share is not None else None,
            frozenset(self.has),
            self.stream,
        )


_NAMED = ("tenant", "team", "user", "key", "tier", "tag", "model", "task", "language")


class RuleSettings(Settings):
    """
    One rule.

    Attributes:
        when: whom it's for; everybody unless said.
        use: the public model that answers.
    """

    when: WhenSettings = WhenSettings()
    use: ModelName


class AutoSettings(Settings):
    """
    Several models, of which each request gets the one that fits it. A list alone is `models`.

    Attributes:
        models: from the weakest to the strongest.
        predictor: a file of `turnout routes fit` with all of them, on every node that runs a router; read when a config is taken. Without one, the
            cards' quality and the prompt's length, kind and signs of code and math decide.
        min_quality: 0 to 1: the cheapest that is predicted to reach it answers, or the best if none does. Callers ask for another in
            `x-turnout-min-quality`. 0.7 unless said.
        good_answer_usd: instead of `min_quality`, what a good answer is worth: the greatest `quality × worth − cost` answers.
        embedder: a model of operation `embeddings`, on pools, that `predictor` was fitted with; without one its lexical part alone decides.
        embed_within_s: how long a request waits for its embedding; later the lexical part decides.
    """

    models: Annotated[tuple[ModelName, ...], Field(min_length=2, max_length=64)]
    predictor: Annotated[Path, AfterValidator(expand_home)] | None = None
    min_quality: Annotated[float, Field(ge=0, le=1)] | None = None
    good_answer_usd: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    embedder: ModelPattern | None = None
    embed_within_s: Annotated[float, Field(gt=0, le=5)] = 0.05

    @model_validator(mode="after")
    def _check_terms(self) -> Self:
        if len(set(self.models)) < len(self.models):
            raise ValueError("auto names a model twice")
        if self.min_quality is not None and self.good_answer_usd is not None:
            raise ValueError("auto has either min_quality or good_answer_usd")
        if self.embedder is not None and self.predictor is None:
            raise ValueError("embedder goes with predictor only: without one, nothing reads embeddings")
        return self

    def to_auto(self) -> Auto:
        """
        The same for the router.

        Raises:
            ConfigError: the predictor can't be read, or doesn't know one of the models.
        """
        predictor = None if self.predictor is None else _load_predictor(self.predictor, self.models)
        min_quality = 0.7 if self.min_quality is None and self.good_answer_usd is None else self.min_quality
        return Auto(self.models, predictor, min_quality, self.good_answer_usd, self.embedder or "", self.embed_within_s)


RulesSettings = tuple[RuleSettings, ...]
AutoField = Annotated[
    AutoSettings | None,
    BeforeValidator(_to_models, json_schema_input_type=AutoSettings | tuple[ModelName, ...] | None),
]


def to_choices(rules: RulesSettings, auto: AutoSettings | None) -> tuple[Term, ...]:
    """
    The same for the router, in the order in which they're asked.

    Raises:
        ConfigError: see `AutoSettings.to_auto`.
    """
    first: tuple[Term, ...] = (Rules(tuple(Rule(rule.when.to_when(), rule.use) for rule in rules)),) if rules else ()
    return first if auto is None else (*first, auto.to_auto())


def _load_predictor(path: Path, models: tuple[str, ...]) -> "QualityPredictor":
    from turnout.router.quality.file import BadPredictorFile, load  # noqa: PLC0415  NumPy, for those who have a predictor

    try:
        predictor = load(path)
    except (BadPredictorFile, OSError) as error:
        raise ConfigError(str(error)) from error
    unknown = sorted(set(models) - set(predictor.models))
    if unknown:
        raise ConfigError(
            f"predictor {str(path)!r} knows nothing of {', '.join(unknown)}, only of {', '.join(predictor.models)}: "
            "fit it anew with labels of all models of auto"
        )
    return predictor
