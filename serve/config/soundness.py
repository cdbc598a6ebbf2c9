"""Finds settings of resilience that are well-formed and can't be meant."""

from collections.abc import Mapping, Set

from turnout.models.access import is_covered
from turnout.serve.config.dynamic import ModelSettings
from turnout.serve.config.part import Part
from turnout.serve.config.problem import Found, suggest

Operations = Mapping[str, Set[str]]

_SERVED_UNLESS_SAID: frozenset[str] = ModelSettings.model_fields["operations"].default

_WITHIN = (
    ("timeouts", "connect_s", "attempt_s"),
    ("timeouts", "first_token_s", "attempt_s"),
    ("timeouts", "attempt_s", "total_s"),
    ("timeouts", "first_token_s", "total_s"),
    ("retries", "backoff_first_s", "backoff_max_s"),
    ("breaker", "open_s", "open_max_s"),
)
"""Times that never count when they're above the other one, where the file says both."""


def check_soundness(dynamic: Part) -> Found:
    """Fallbacks to models that can't stand in; times that never come to count."""
    models = list(dynamic.at("models").parts())
    served = {model.at("name").text: _read_operations(model) for model in models}
    for model in models:
        yield from _check_fallbacks(model, served)
        for part in (model, *model.at("targets").parts()):
            yield from _check_times(part)


def why_no_fallback(model: str, other: str, served: Operations) -> tuple[str, str] | None:
    """
    What keeps `other` from standing in for `model`, and a hint; None if it can.

    Two models may name each other: only the list of the model that was asked for counts, so nothing goes round.

    Args:
        served: each model's operations, by its name; one that ends in `*` stands for others.
    """
    if other == model:
        return f"model {model!r} falls back to itself", "its targets are tried before any fallback"
    name = (
        other if other in served else max((name for name in served if is_covered(other, [name])), key=len, default="")
    )
    if not name:
        return f"there is no model {other!r} to fall back to", suggest(other, sorted(served.keys() - {model}))
    missing = served[model] - served[name]
    if missing:
        return (
            f"model {other!r} doesn't serve {', '.join(sorted(missing))}, which {model!r} does",
            f"operations of a fallback include those of {model!r}",
        )
    return None


def _check_fallbacks(model: Part, served: Operations) -> Found:
    causes = list(model.at("fallbacks").parts())
    for cause in causes:
        for other in cause.parts():
            why = why_no_fallback(model.at("name").text, other.text, served) if other.text else None
            if why is not None:
                yield other.problem(*why)
    if "embeddings" in _read_operations(model) and any(cause.content for cause in causes):
        yield model.at("fallbacks").problem(
            "vectors of another model can't be compared with this one's",
            "fall back only to the same model elsewhere",
            "warning",
        )


def _read_operations(model: Part) -> frozenset[str]:
    part = model.at("operations")
    return _SERVED_UNLESS_SAID if part.content is None else frozenset(each.text for each in part.parts() if each.text)


def _check_times(part: Part) -> Found:
    for group, smaller, larger in _WITHIN:
        inner, outer = part.at(group, smaller), part.at(group, larger)
        if _is_number(inner.content) and _is_number(outer.content) and inner.content > outer.content:
            yield inner.problem(
                f"{smaller} ({inner.content:g}) is above {larger} ({outer.content:g}), so it never counts",
                "",
                "warning",
            )


def _is_number(content: object) -> bool:
    return isinstance(content, int | float) and not isinstance(content, bool)
