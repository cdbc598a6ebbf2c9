"""What holds for all models of the config: how long, how often, where to instead, and what else a model is called."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from turnout.serve.config.part import Part
from turnout.serve.importing.litellm.names import tidy_name
from turnout.serve.importing.litellm.source import Source, find_count, find_names, find_number, is_on
from turnout.serve.importing.notes import Notes

FALLBACKS: Mapping[str, str] = MappingProxyType(
    {
        "fallbacks": "any_error",
        "context_window_fallbacks": "context_window",
        "content_policy_fallbacks": "content_policy",
    }
)
"""LiteLLM's lists of fallbacks, and ours for the same cause."""

STRATEGIES: Mapping[str, str] = MappingProxyType(
    {
        "simple-shuffle": "weighted",
        "least-busy": "least_in_flight",
        "latency-based-routing": "latency",
        "cost-based-routing": "cost",
    }
)
"""LiteLLM's ways to choose a deployment, and ours."""

ANY = "*"
"""The model whose fallbacks are those of all that have none."""


@dataclass(frozen=True, slots=True)
class Fallback:
    """
    The list of one model for one cause.

    Attributes:
        part: where it stands.
        names: other public models, in order.
    """

    part: Part
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """
    What the config says for all models; None where it says nothing.

    Attributes:
        strategy: ours, by which targets are chosen.
        timeout_s, stream_timeout_s: of one call.
        retries: further calls to one model.
        retry_after_s: the shortest pause before one.
        allowed_fails: a minute, before a deployment is set aside.
        cooldown_s: for how long.
        is_never_cooled: deployments aren't set aside.
        max_fallbacks: most models that are fallen back to.
        fallbacks: by our name of the cause, then by model.
        aliases: other names of models, by name.
    """

    strategy: str | None
    timeout_s: float | None
    stream_timeout_s: float | None
    retries: int | None
    retry_after_s: float | None
    allowed_fails: int | None
    cooldown_s: float | None
    is_never_cooled: bool
    max_fallbacks: int
    fallbacks: Mapping[str, Mapping[str, Fallback]]
    aliases: Mapping[str, Part]


def read_routing(source: Source, notes: Notes) -> Routing:
    """What `router_settings` and, where those say nothing, `litellm_settings` say."""
    router, module = source.root.at("router_settings"), source.root.at("litellm_settings")

    def take(key: str, other: str = "") -> Part:
        of_router, of_module = source.take(router, key), source.take(module, other or key)
        return of_router if of_router.content is not None else of_module

    fallbacks = {cause: dict(_read_fallbacks(take(key), notes)) for key, cause in FALLBACKS.items()}
    default = take("default_fallbacks")
    names = tuple(tidy_name(name) for name in find_names(default))
    if names:
        fallbacks["any_error"].setdefault(ANY, Fallback(default, names))
    retry_after, allowed_fails = take("retry_after"), take("allowed_fails")
    if find_number(retry_after):
        notes.change(retry_after, "a pause is drawn between 0 and this, so that not all come back at once")
    if find_count(allowed_fails) is not None:
        what = "a place rests when more than so many calls failed in a minute, and they're a fifth of all or more"
        notes.change(allowed_fails, what, "breaker of the target: docs/resilience.md")
    return Routing(
        strategy=_find_strategy(take("routing_strategy"), notes),
        timeout_s=_find_seconds(take("timeout", "request_timeout"), notes),
        stream_timeout_s=_find_seconds(take("stream_timeout"), notes),
        retries=find_count(take("num_retries")),
        retry_after_s=find_number(retry_after),
        allowed_fails=find_count(allowed_fails),
        cooldown_s=_find_seconds(take("cooldown_time"), notes),
        is_never_cooled=is_on(take("disable_cooldowns")),
        max_fallbacks=find_count(take("max_fallbacks")) or 5,
        fallbacks=fallbacks,
        aliases=_read_aliases(take("model_group_alias"), notes),
    )


def _find_strategy(part: Part, notes: Notes) -> str | None:
    if part.text and part.text not in STRATEGIES:
        notes.change(
            part, f"requests go to the less busy of two places, for {part.text!r}", "docs/routing.md has the strategies"
        )
    return STRATEGIES.get(part.text)


def _read_fallbacks(part: Part, notes: Notes) -> Iterator[tuple[str, Fallback]]:
    """Of a list of `{model: [other, …]}`."""
    for entry in part.parts():
        for of_model in entry.parts():
            names = tuple(tidy_name(name) for name in find_names(of_model))
            for each in of_model.parts():
                if not each.text:
                    what = "a fallback with a prompt of its own can't be written"
                    notes.leave_out(
                        each, what, "let the client send it: it sees which model answered in x-turnout-target"
                    )
            yield tidy_name(of_model.key), Fallback(of_model, names)


def _read_aliases(part: Part, notes: Notes) -> Mapping[str, Part]:
    aliases: dict[str, Part] = {}
    for each in part.parts():
        target = each.at("model") if isinstance(each.content, dict) else each
        name = tidy_name(each.key)
        if is_on(each.at("hidden")):
            notes.change(each, f"{each.key!r} is listed in /v1/models: there are no hidden names")
        if name:
            aliases[name] = target
        else:
            notes.leave_out(each, f"{each.key!r} can't be a public name")
    return aliases


def _find_seconds(part: Part, notes: Notes) -> float | None:
    seconds = find_number(part)
    if seconds is None and part.content is not None:
        notes.leave_out(part, "it isn't a number of seconds", "write it by hand")
    if seconds is not None and not 0 < seconds <= 7 * 24 * 3600:
        notes.leave_out(part, f"{seconds:g} s isn't between 0 and a week", "our default holds")
        return None
    return seconds
