"""Names, mocks' scripts and gateway settings of the scenarios: what has to agree between the three."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.scenarios.faults.suite import PRIMARY_TEXT, TOKENS_PER_S, Scenario

FORMS = ("unary", "stream")
QUICK_SCALE = 0.1

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Upstreams:
    """Base URLs of the two mocks, with `/v1`."""

    primary: str
    fallback: str


def model_name(scenario: Scenario, form: str) -> str:
    """What clients ask for; the primary upstream calls it the same, so that a proxy that changes nothing can be judged too."""
    return f"{scenario.id}-{form}"


def fallback_name(model: str) -> str:
    """What the fallback of a model is called, by the gateway and by the fallback upstream."""
    return f"{model}-fallback"


def primary_scripts(suite: Sequence[Scenario], scale: float) -> dict[str, Any]:
    """The primary mock's models."""
    return {
        model_name(scenario, form): at_scale(
            {**_script(PRIMARY_TEXT), "faults": list(scenario.faults), **scenario.primary}, scale
        )
        for scenario in suite
        for form in FORMS
    }


def fallback_scripts(suite: Sequence[Scenario], scale: float) -> dict[str, Any]:
    """The fallback mock's models."""
    return {
        fallback_name(model_name(scenario, form)): at_scale(
            {**_script(scenario.fallback_text), **scenario.fallback}, scale
        )
        for scenario in suite
        for form in FORMS
    }


def gateway_models(suite: Sequence[Scenario], upstreams: Upstreams, scale: float) -> list[RemoteModel]:
    """What a gateway must be configured with to be judged."""
    models = []
    for scenario in suite:
        for form in FORMS:
            name = model_name(scenario, form)
            fallbacks = {"fallbacks": {scenario.cause: [fallback_name(name)]}} if scenario.cause else {}
            settings = at_scale({**scenario.settings, **fallbacks}, scale)
            models.append(
                RemoteModel(
                    name,
                    upstreams.primary,
                    name,
                    provider="primary",
                    settings=settings,
                    target=at_scale(scenario.target, scale),
                )
            )
            if scenario.cause:
                models.append(fallback_model(name, upstreams, settings, scenario.fallback_target))
    return models


def fallback_model(
    model: str, upstreams: Upstreams, settings: Mapping[str, Any], target: Mapping[str, Any]
) -> RemoteModel:
    """The public model that answers for another; it has the same times."""
    name = fallback_name(model)
    times = {"timeouts": settings["timeouts"]} if "timeouts" in settings else {}
    return RemoteModel(name, upstreams.fallback, name, provider="fallback", settings=times, target=target)


def at_scale(document: _T, scale: float) -> _T:
    """The same with every number of seconds, which is one whose key ends with `_s`, times `scale`; a pace (`…_per_s`) isn't one."""
    if isinstance(document, Mapping):
        return cast("_T", {key: _scaled(key, value, scale) for key, value in document.items()})
    if isinstance(document, list):
        return cast("_T", [at_scale(each, scale) for each in document])
    return document


def _scaled(key: str, value: object, scale: float) -> object:
    if isinstance(value, int | float) and key.endswith("_s") and not key.endswith("per_s"):
        return round(value * scale, 6)
    return at_scale(value, scale)


def _script(text: str) -> dict[str, Any]:
    return {"text": {"values": [text]}, "latency": {"tokens_per_s": TOKENS_PER_S}}
