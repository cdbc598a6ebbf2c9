"""The bodies of the admin API's directory routes, under the names that LiteLLM's users know, and what they make of a grantee."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from turnout.models.access import Budget, Limit, Unit
from turnout.models.errors import BadRequest
from turnout.serve.config.fields import Region
from turnout.serve.config.problem import suggest
from turnout.serve.control.directory.durations import name_window, read_duration_s, read_window, to_nusd
from turnout.serve.control.directory.grantee import Grantee, Terms
from turnout.serve.control.directory.resolve import level_bucket

Name = Annotated[str, Field(min_length=1, max_length=256)]
Names = Annotated[list[Name], Field(max_length=1000)]
Tags = Annotated[list[Annotated[str, Field(min_length=1, max_length=128)]], Field(max_length=64)]
Amount = Annotated[int, Field(ge=0, le=2**53)]
Usd = Annotated[Decimal, Field(ge=0, description="USD")]
Share = Annotated[float, Field(gt=0, le=1000)]

METADATA_BYTES = 16 * 1024
"""Of one grantee, as JSON."""

_NOT_HERE = {
    "key": "keys are made here, so that nobody else has seen them",
    "auto_create_key": "make keys with /key/generate",
    "aliases": "give the model another name in the cluster file",
    "spend": "it's counted, not set",
    "permissions": "use role, models and operations",
}
_WINDOWS_S = {Unit.REQUESTS: (60, 3600, 86_400), Unit.TOKENS: (60, 3600, 86_400)}


class Body(BaseModel):
    """A JSON object of which every field is known."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, value: Any) -> Any:
        unknown = [name for name in value if name not in cls.model_fields] if isinstance(value, dict) else []
        if unknown:
            hint = _NOT_HERE.get(unknown[0]) or suggest(unknown[0], list(cls.model_fields))
            raise ValueError(f"unknown field {unknown[0]!r}{f'; {hint}' if hint else ''}")
        return value


class LimitBody(Body):
    """A bound on use; the shorthands `rpm_limit` and the like are such ones."""

    unit: Unit
    amount: Amount
    window_s: int = Field(0, description="60, 3600 or 86400 for requests and tokens; 0 for the other units")
    model: str = Field("", max_length=256, description="a public model that it's for; empty for all")
    hard: bool = Field(True, description="false: told of, never refused")

    @model_validator(mode="after")
    def _check_window(self) -> Self:
        allowed = _WINDOWS_S.get(self.unit, (0,))
        if self.window_s not in allowed:
            raise ValueError(f"window_s of a limit on {self.unit.value} is one of {', '.join(map(str, allowed))}")
        return self


class ModelBudgetBody(Body):
    """A budget for one model."""

    max_budget: Usd
    budget_duration: str | None = None


class TermsBody(Body):
    """What every level can say. What isn't sent stays; null takes it back, so that only the levels above count."""

    models: Names | None = Field(
        None, description="public models; none, or an empty list: all that the levels above may use"
    )
    operations: list[Literal["chat", "completions", "embeddings"]] | None = None
    regions: Annotated[list[Region], Field(max_length=100)] | None = Field(
        None, description="where prompts may be processed; none, or an empty list: wherever the levels above may"
    )
    tier: Annotated[str, Field(max_length=64)] | None = None
    priority: Annotated[int, Field(ge=-1000, le=1000)] | None = Field(None, description="lower is sooner")
    share: Share | None = Field(None, description="of a pool that isn't enough for all")
    local_only: bool = Field(False, description="prompts never leave the cluster")
    tags: Tags | None = None
    metadata: dict[str, Any] | None = Field(None, description="kept for you, never looked at")
    blocked: bool = False
    duration: str | None = Field(None, description="until it expires, from now: `30d`; null: never")
    max_budget: Usd | None = Field(None, description="hard: refused when it's spent")
    soft_budget: Usd | None = Field(None, description="told of when it's spent")
    budget_duration: str | None = Field(
        None, description="`1d`, `7d`, `30d` or `1mo`: the calendar's, UTC; others roll; none: for ever"
    )
    model_max_budget: dict[Name, ModelBudgetBody] | None = None
    alert_shares: Annotated[list[Annotated[float, Field(gt=0, le=10)]], Field(max_length=10)] | None = None
    downgrade_at: Annotated[float, Field(gt=0, le=1)] | None = None
    downgrade_to: str | None = None
    rpm_limit: Amount | None = Field(None, description="requests a minute")
    tpm_limit: Amount | None = Field(None, description="tokens a minute, input and output")
    max_parallel_requests: Amount | None = None
    model_rpm_limit: dict[Name, Amount] | None = None
    model_tpm_limit: dict[Name, Amount] | None = None
    limits: Annotated[list[LimitBody], Field(max_length=100)] | None = Field(
        None, description="all other limits; sent, it takes the place of every limit there is"
    )

    @field_validator("metadata")
    @classmethod
    def _check_metadata(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            size = len(msgspec.json.encode(value))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError("metadata isn't JSON") from error
        if size > METADATA_BYTES:
            raise ValueError("metadata is more than 16 KiB")
        return value

    def revise(self, grantee: Grantee, now_s: float) -> Grantee:
        """The grantee with what was sent. Raises BadRequest."""
        sent = {name: getattr(self, name) for name in self.model_fields_set}
        return msgspec.structs.replace(
            grantee,
            terms=_revise_terms(grantee, sent, now_s),
            budgets=revise_budgets(grantee, sent),
        )


def _revise_terms(grantee: Grantee, sent: Mapping[str, Any], now_s: float) -> Terms:
    changes = {name: read(sent[key]) for key, (name, read) in _PLAIN.items() if key in sent}
    if "duration" in sent:
        duration = sent["duration"]
        changes["expires_at_s"] = None if duration is None else now_s + read_duration_s(duration)
    changes["limits"] = revise_limits(grantee, sent)
    return msgspec.structs.replace(grantee.terms, **changes)


def revise_limits(grantee: Grantee, sent: Mapping[str, Any]) -> tuple[Limit, ...]:
    """Its limits with those that were sent: `limits` in the place of all, then each shorthand in the place of its like."""
    bucket = level_bucket(grantee.kind, grantee.id)
    kept: dict[tuple[Unit, int, str], Limit] = {_slot(limit): limit for limit in grantee.terms.limits}
    if "limits" in sent:
        listed = [
            Limit(bucket, each.unit, each.amount, each.window_s, each.model, each.hard) for each in sent["limits"] or ()
        ]
        kept = {_slot(limit): limit for limit in listed}
    for name, (unit, window_s) in _SHORT_LIMITS.items():
        if name in sent:
            kept.pop((unit, window_s, ""), None)
            if sent[name] is not None:
                kept[unit, window_s, ""] = Limit(bucket, unit, sent[name], window_s)
    for name, (unit, window_s) in _MODEL_LIMITS.items():
        if name in sent:
            kept = {slot: limit for slot, limit in kept.items() if slot[:2] != (unit, window_s) or not slot[2]}
            kept |= {
                (unit, window_s, model): Limit(bucket, unit, n, window_s, model)
                for model, n in (sent[name] or {}).items()
            }
    return tuple(kept.values())


def revise_budgets(grantee: Grantee, sent: Mapping[str, Any]) -> tuple[Budget, ...]:
    """Its budgets with those that were sent: one hard, one soft, and hard ones for models; alerts and downgrades are the hard one's."""
    hard = next((each for each in grantee.budgets if each.is_hard and not each.model), None)
    soft = next((each for each in grantee.budgets if not each.is_hard), None)
    by_model = [each for each in grantee.budgets if each.model]
    window = read_window(sent["budget_duration"]) if "budget_duration" in sent else _window_of(hard, soft)
    if "max_budget" in sent:
        hard = _new_budget(sent["max_budget"], hard)
    if "soft_budget" in sent:
        soft = _new_budget(sent["soft_budget"], soft)
    if "model_max_budget" in sent:
        asked: Mapping[str, ModelBudgetBody] = sent["model_max_budget"] or {}
        by_model = [
            Budget("", to_nusd(each.max_budget), read_window(each.budget_duration), model)
            for model, each in asked.items()
        ]
    if sent.get("budget_duration") and hard is None and soft is None:
        raise BadRequest("budget_duration belongs to a max_budget or soft_budget, and there's none", "budget_duration")
    details = {name: read(sent[name]) for name, read in _BUDGET_DETAILS.items() if name in sent}
    if details and hard is None:
        raise BadRequest(f"{', '.join(details)} belong to a max_budget, and there's none", next(iter(details)))
    made = [
        *([msgspec.structs.replace(hard, window=window, **details)] if hard else []),
        *([msgspec.structs.replace(soft, window=window, is_hard=False)] if soft else []),
        *by_model,
    ]
    return tuple(msgspec.structs.replace(each, id=_budget_id(grantee, each)) for each in made)


def _window_of(*budgets: Budget | None) -> str:
    return next((each.window for each in budgets if each), "total")


def _new_budget(usd: Decimal | None, old: Budget | None) -> Budget | None:
    if usd is None:
        return None
    amount = to_nusd(usd)
    return Budget("", amount) if old is None else msgspec.structs.replace(old, amount_nusd=amount)


def _budget_id(grantee: Grantee, budget: Budget) -> str:
    kind = "" if budget.is_hard else ":soft"
    model = f":{budget.model}" if budget.model else ""
    return f"{level_bucket(grantee.kind, grantee.id)}:{name_window(budget.window)}{kind}{model}"


def _slot(limit: Limit) -> tuple[Unit, int, str]:
    return limit.unit, limit.window_s, limit.model


def _names(value: Iterable[str] | None) -> frozenset[str] | None:
    return frozenset(value) or None if value is not None else None


def _same(value: Any) -> Any:
    return value


_PLAIN: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "models": ("models", _names),
    "operations": ("operations", _names),
    "regions": ("regions", _names),
    "tier": ("tier", lambda value: value or ""),
    "priority": ("priority", _same),
    "share": ("share", _same),
    "local_only": ("is_local_only", _same),
    "tags": ("tags", lambda value: tuple(dict.fromkeys(value or ()))),
    "metadata": ("metadata", lambda value: value or {}),
    "blocked": ("is_blocked", _same),
}
_SHORT_LIMITS = {
    "rpm_limit": (Unit.REQUESTS, 60),
    "tpm_limit": (Unit.TOKENS, 60),
    "max_parallel_requests": (Unit.CONCURRENT, 0),
}
_MODEL_LIMITS = {"model_rpm_limit": (Unit.REQUESTS, 60), "model_tpm_limit": (Unit.TOKENS, 60)}
_BUDGET_DETAILS: Mapping[str, Callable[[Any], Any]] = {
    "alert_shares": lambda value: tuple(sorted(set(value or ()))),
    "downgrade_at": _same,
    "downgrade_to": lambda value: value or "",
}
