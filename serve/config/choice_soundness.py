"""Finds choices that are well-formed and can't be meant: rules that nothing reaches, models that can't answer, rounds."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from turnout.models.access import WILDCARD, is_covered
from turnout.serve.config.dynamic import DynamicConfig, ModelSettings
from turnout.serve.config.part import Part
from turnout.serve.config.problem import Found, suggest

Why = tuple[str, str]
"""A problem and a hint."""

_SERVED_UNLESS_SAID: frozenset[str] = ModelSettings.model_fields["operations"].default
_NAMED = frozenset({"tenant", "team", "user", "key", "tier", "tag", "model", "task", "language", "has"})
_EMBEDDINGS = frozenset({"embeddings"})


@dataclass(frozen=True, slots=True)
class Known:
    """
    The models of a config, as far as choices between them go.

    Attributes:
        served: each model's operations, by its name; one that ends in `*` stands for others.
        autos: names of those that choose among others.
        embedders: names of those that make embeddings on pools of this cluster only.
    """

    served: Mapping[str, Set[str]]
    autos: Set[str]
    embedders: Set[str]

    @classmethod
    def of(cls, config: DynamicConfig) -> "Known":
        """From settings."""
        return cls(
            {model.name: model.operations for model in config.models},
            {model.name for model in config.models if model.auto is not None},
            {
                model.name
                for model in config.models
                if model.operations == _EMBEDDINGS and all(target.pool for target in model.targets)
            },
        )

    @classmethod
    def read(cls, models: Sequence[Part]) -> "Known":
        """From a file that may be wrong."""
        served = {model.at("name").text: _read_operations(model) for model in models}
        return cls(
            served,
            {model.at("name").text for model in models if model.at("auto").content},
            {
                name
                for model in models
                if served[name := model.at("name").text] == _EMBEDDINGS
                and all(target.at("pool").text for target in model.at("targets").parts())
            },
        )

    def find(self, name: str) -> str:
        """The model that answers to `name`, or ""."""
        covering = (known for known in self.served if is_covered(name, [known]))
        return name if name in self.served else max(covering, key=len, default="")

    def why_not_chosen(self, model: str, other: str) -> Why | None:
        """What keeps `other` from answering for `model`, or None."""
        name = self.find(other)
        if other == model:
            return f"model {model!r} would answer for itself", "leave it out: its targets answer where no rule fits"
        if not name:
            return f"there is no model {other!r} to answer", suggest(other, sorted(self.served.keys() - {model}))
        missing = self.served[model] - self.served[name]
        if missing:
            return (
                f"model {other!r} doesn't serve {', '.join(sorted(missing))}, which {model!r} does",
                f"give {model!r} no more operations than {other!r} has",
            )
        return None

    def why_not_weighed(self, model: str, other: str) -> Why | None:
        """What keeps `other` from being one of the models that `auto` of `model` chooses among, or None."""
        if self.find(other) in self.autos and other != model:
            return f"model {other!r} has auto itself, so nothing says how good it would be", "name its models instead"
        return self.why_not_chosen(model, other)

    def why_not_fallback(self, other: str) -> Why | None:
        """What keeps `other` from being a fallback, as far as choices go, or None."""
        if self.find(other) in self.autos:
            return (
                f"model {other!r} has auto and no targets of its own, so nothing could fall back to it",
                "name its models instead",
            )
        return None

    def why_not_embedding(self, name: str) -> Why | None:
        """What keeps a model from making the gateway's own embeddings, or None. Prompts that must stay here are embedded too."""
        if name in self.embedders:
            return None
        return (
            f"model {name!r} isn't one of operations: [embeddings] whose targets are all pools",
            suggest(name, sorted(self.embedders))
            or "add an application turnout.serve.apps:embedder, and a model for it",
        )


def list_faults(config: DynamicConfig) -> Iterator[Why]:
    """Whatever would keep a choice from being carried out."""
    known = Known.of(config)
    for model in config.models:
        whys = [known.why_not_chosen(model.name, rule.use) for rule in model.rules]
        whys += [known.why_not_fallback(other) for other in model.fallbacks.names()]
        if model.auto is not None:
            whys += [known.why_not_weighed(model.name, other) for other in model.auto.models]
            whys += [known.why_not_embedding(model.auto.embedder)] if model.auto.embedder else []
        yield from (why for why in whys if why is not None)


def check_choices(dynamic: Part) -> Found:
    """Every choice of a file that can't be carried out, is never reached, or goes round."""
    models = list(dynamic.at("models").parts())
    known = Known.read(models)
    uses = {model.at("name").text: [each.text for each in _list_uses(model)] for model in models}
    for model in models:
        name = model.at("name").text
        rules = list(model.at("rules").parts())
        told = [(rule.at("use"), known.why_not_chosen(name, rule.at("use").text)) for rule in rules]
        told += [(other, known.why_not_weighed(name, other.text)) for other in _list_autos(model)]
        fallbacks = (other for cause in model.at("fallbacks").parts() for other in cause.parts())
        told += [(other, known.why_not_fallback(other.text)) for other in fallbacks]
        embedder = model.at("auto", "embedder")
        told += [(embedder, known.why_not_embedding(embedder.text))] if embedder.text else []
        yield from (part.problem(*why) for part, why in told if part.text and why is not None)
        yield from _check_rules(rules, name, known, dynamic)
        for use in _list_uses(model):
            round_trip = _find_round(name, use.text, uses)
            if round_trip:
                message = f"goes round: {' → '.join(round_trip)}; a model that was asked already isn't asked again"
                yield use.problem(message, "", "warning")


def _check_rules(rules: Sequence[Part], model: str, known: Known, dynamic: Part) -> Found:
    tiers = {tier.key for tier in dynamic.at("tiers").parts()}
    for at, rule in enumerate(rules):
        when = _read_when(rule)
        earlier = next((before for before in range(at) if _is_within(when, _read_when(rules[before]))), None)
        if earlier is not None:
            yield rule.problem(
                f"rule {at + 1} is never reached: rule {earlier + 1} takes all that it would", "", "warning"
            )
        never = _why_never(when, model, known.served.get(model, frozenset()))
        if never:
            yield rule.at("when").problem(f"rule {at + 1} never fits: {never}", "", "warning")
        for tier in when.get("tier", frozenset()):
            if tier not in tiers and not tier.endswith(WILDCARD):
                yield rule.at("when", "tier").problem(
                    f"there is no tier {tier!r}", suggest(tier, sorted(tiers)), "warning"
                )


def _why_never(when: Mapping[str, Any], model: str, operations: Set[str]) -> str:
    """What no request to `model` can be, or ""."""
    names = when.get("model")
    if names and not model.endswith(WILDCARD) and not (model in names or is_covered(model, names)):
        return f"whoever comes here has asked for {model!r}"
    if names and model.endswith(WILDCARD) and not any(_may_meet(name, model) for name in names):
        return f"whoever comes here has asked for something like {model!r}"
    if when.get("stream") is True and operations <= _EMBEDDINGS:
        return "embeddings are never streamed"
    if when.get("has") and "chat" not in operations:
        return "only chat has tools, schemas, pictures or sound"
    return ""


def _may_meet(name: str, wildcard: str) -> bool:
    """Whether something fits both."""
    return is_covered(name, [wildcard]) or (name.endswith(WILDCARD) and wildcard[:-1].startswith(name[:-1]))


def _read_when(rule: Part) -> dict[str, Any]:
    """What the file says, names as sets; wrong things as nothing, since they are told elsewhere."""
    content = rule.at("when").content
    said = content if isinstance(content, dict) else {}
    return {
        key: _to_set(value)
        if key in _NAMED
        else {name: _to_set(values) for name, values in value.items()}
        if key == "header" and isinstance(value, dict)
        else value
        for key, value in said.items()
        if value not in (None, [], {}) and key != "share_by"
    }


def _to_set(value: object) -> frozenset[str]:
    return frozenset(str(each) for each in (value if isinstance(value, list) else [value]))


def _is_within(when: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether `other` holds wherever `when` does, as far as that can be told from what they say."""
    return other.get("share", 1) == 1 and all(
        key in when and _implies(key, when[key], wider) for key, wider in other.items() if key != "share"
    )


def _implies(key: str, narrow: Any, wide: Any) -> bool:
    if key == "has":
        return bool(narrow >= wide)
    if key in _NAMED:
        return all(name in wide or is_covered(name, wide) for name in narrow)
    if key == "header" and isinstance(narrow, dict) and isinstance(wide, dict):
        return all(name in narrow and _implies("tag", narrow[name], names) for name, names in wide.items())
    if key == "prompt_tokens" and isinstance(narrow, dict) and isinstance(wide, dict):
        least, most = wide.get("at_least") or 0, wide.get("at_most")
        is_low = most is not None and (narrow.get("at_most") is None or narrow["at_most"] > most)
        return (narrow.get("at_least") or 0) >= least and not is_low
    return bool(narrow == wide)


def _list_autos(model: Part) -> list[Part]:
    auto = model.at("auto")
    return list((auto.at("models") if isinstance(auto.content, dict) else auto).parts())


def _list_uses(model: Part) -> list[Part]:
    return [*(rule.at("use") for rule in model.at("rules").parts()), *_list_autos(model)]


def _find_round(model: str, use: str, uses: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The names from `model` by `use` back to `model`, or nothing."""
    paths: list[tuple[str, ...]] = [(model, use)]
    seen = {use}
    while paths:
        path = paths.pop()
        for after in uses.get(path[-1], ()):
            if after == model and use != model:
                return (*path, after)
            if after not in seen:
                seen.add(after)
                paths.append((*path, after))
    return ()


def _read_operations(model: Part) -> frozenset[str]:
    part = model.at("operations")
    return _SERVED_UNLESS_SAID if part.content is None else frozenset(each.text for each in part.parts() if each.text)
