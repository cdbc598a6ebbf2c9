"""The models of the new file: the deployments of one name together, with what holds for all."""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set

from turnout.serve.config.dynamic import ModelSettings, TargetSettings
from turnout.serve.config.limits import LimitSettings
from turnout.serve.config.resilience import BreakerSettings, FallbackSettings, RetrySettings, TimeoutSettings
from turnout.serve.importing.litellm.deployments import Deployment
from turnout.serve.importing.litellm.names import matches, tidy_name
from turnout.serve.importing.litellm.routing import ANY, Fallback, Routing
from turnout.serve.importing.notes import Notes

_MOST_FALLBACKS = 16
_MOST_ATTEMPTS = 20


class Groups:
    """
    Makes models of deployments.

    Attributes:
        left_out: public names that the config has and the new file can't have.
    """

    def __init__(self, deployments: Sequence[Deployment], left_out: Set[str], routing: Routing, notes: Notes) -> None:
        self._routing = routing
        self._notes = notes
        self.left_out = left_out
        self._by_name: dict[str, list[Deployment]] = {}
        for deployment in deployments:
            self._by_name.setdefault(deployment.model, []).append(deployment)
        self._add_aliases()
        self._tell_taken_over()

    def __repr__(self) -> str:
        return f"Groups({', '.join(self._by_name)})"

    def models(self) -> Iterator[ModelSettings]:
        """All models, in the config's order, aliases last."""
        for name, group in self._by_name.items():
            yield self._make(name, group)

    def _add_aliases(self) -> None:
        for alias, part in self._routing.aliases.items():
            group = self._by_name.get(tidy_name(part.text))
            if group is None:
                self._notes.leave_out(part, f"{alias!r} is another name of {part.text!r}, which isn't in the new file")
            elif alias in self._by_name:
                self._notes.leave_out(part, f"{alias!r} is a model of its own already", "take one of the two out")
            else:
                self._by_name[alias] = group

    def _tell_taken_over(self) -> None:
        for name in sorted(self.left_out - self._by_name.keys()):
            group = self._find(name)
            if group is not None:
                what = f"{name!r} isn't in the new file, so requests for it go where {group[0].model!r} sends them"
                self._notes.change(group[0].part, what, f"if they shouldn't, name what {group[0].model!r} stands for")

    def _find(self, name: str) -> Sequence[Deployment] | None:
        """The deployments that answer for `name`: its own, or those of the longest wildcard."""
        patterns = sorted((each for each in self._by_name if matches(each, name)), key=len, reverse=True)
        return self._by_name.get(name) or (self._by_name[patterns[0]] if patterns else None)

    def _make(self, name: str, group: Sequence[Deployment]) -> ModelSettings:
        operations = frozenset[str]().union(*(each.operations for each in group))
        common = frozenset(operations).intersection(*(each.operations for each in group))
        if operations != common:
            what = f"the deployments of {name!r} don't serve the same; it's asked for {', '.join(sorted(common or operations))} only"
            self._notes.change(group[0].part, what, "give those that serve something else another model_name")
        served = sorted(common or operations)
        said: dict[str, object] = {"name": name, "operations": served}
        if served == ["chat", "completions"]:
            del said["operations"]
        fallbacks = self._fallbacks(name, group[0].model, frozenset(served))
        rules: Mapping[str, TimeoutSettings | RetrySettings | FallbackSettings | LimitSettings] = {
            "timeouts": self._timeouts(name, group),
            "retries": self._retries(sum(len(names) for names in fallbacks.model_dump().values())),
            "fallbacks": fallbacks,
            "limits": self._limits(group),
        }
        said |= {key: rule for key, rule in rules.items() if rule.model_fields_set}
        said["targets"] = self._targets(self._in_order(group))
        strategy = "order" if any(each.order for each in group) else self._routing.strategy
        if strategy is not None and len(group) > 1:
            said["strategy"] = strategy
        return ModelSettings.model_validate(said)

    def _in_order(self, group: Sequence[Deployment]) -> Sequence[Deployment]:
        """The first are asked first, where the config has an order; those without one come last, as in LiteLLM."""
        orders = [each.order for each in group]
        if len({order for order in orders if order}) < len(group) and any(orders):
            what = f"targets of {group[0].model!r} that have one order are asked one after the other, not in turns"
            self._notes.change(group[0].part, what, "docs/routing.md has the strategies")
        return sorted(group, key=lambda each: each.order or 1_000_000)

    def _targets(self, group: Sequence[Deployment]) -> list[TargetSettings]:
        """LiteLLM's shares: the weights, or else requests or tokens a minute, of the first where it has them."""
        targets = [each.target for each in group]
        if len(group) > 1 and not any("weight" in target.model_fields_set for target in targets):
            for rates in ([each.rpm for each in group], [each.tpm for each in group]):
                if all(rates):
                    least = min(rate for rate in rates if rate)
                    weights = [round(rate / least, 3) for rate in rates if rate]
                    targets = [
                        target.model_copy(update={"weight": weight}) if weight != 1 else target
                        for target, weight in zip(targets, weights, strict=True)
                    ]
                    break
        breaker = self._breaker()
        return targets if breaker is None else [target.model_copy(update=breaker) for target in targets]

    def _breaker(self) -> Mapping[str, BreakerSettings | None] | None:
        routing = self._routing
        if routing.is_never_cooled:
            return {"breaker": None}
        said: dict[str, float] = {}
        if routing.cooldown_s is not None:
            said |= {"open_s": routing.cooldown_s, "open_max_s": max(routing.cooldown_s, BreakerSettings().open_max_s)}
        if routing.allowed_fails is not None:
            said |= {"min_attempts": routing.allowed_fails + 1, "window_s": 60.0}
        return {"breaker": BreakerSettings.model_validate(said)} if said else None

    def _timeouts(self, name: str, group: Sequence[Deployment]) -> TimeoutSettings:
        attempt_s = self._longest(name, group, "timeout", lambda each: each.timeout_s, self._routing.timeout_s)
        stream_s = self._longest(
            name, group, "stream_timeout", lambda each: each.stream_timeout_s, self._routing.stream_timeout_s
        )
        said: dict[str, float] = {}
        if attempt_s is not None:
            said["attempt_s"] = attempt_s
            if attempt_s > TimeoutSettings().total_s:
                said["total_s"] = attempt_s
        if stream_s is not None:
            said["first_token_s"] = stream_s if attempt_s is None else min(stream_s, attempt_s)
        return TimeoutSettings.model_validate(said)

    def _longest(
        self,
        name: str,
        group: Sequence[Deployment],
        key: str,
        read: Callable[[Deployment], float | None],
        default: float | None,
    ) -> float | None:
        own = {value for value in map(read, group) if value is not None and value > 0}
        if not own:
            return default
        if len(own) > 1:
            what = f"times are a model's here: all targets of {name!r} have the longest, {max(own):g} s"
            self._notes.change(group[0].part.at("litellm_params", key), what)
        return max(own)

    def _retries(self, fallbacks: int) -> RetrySettings:
        routing = self._routing
        said: dict[str, float] = {}
        if routing.retries is not None:
            places = 1 + min(fallbacks, routing.max_fallbacks)
            said["same_target"] = min(routing.retries, _MOST_ATTEMPTS)
            said["max_attempts"] = min((1 + routing.retries) * places, _MOST_ATTEMPTS)
        if routing.retry_after_s is not None and 0 < routing.retry_after_s <= 3600:
            said["backoff_first_s"] = routing.retry_after_s
            said["backoff_max_s"] = max(routing.retry_after_s, RetrySettings().backoff_max_s)
        return RetrySettings.model_validate(said)

    def _limits(self, group: Sequence[Deployment]) -> LimitSettings:
        """What all deployments together let through, where each of them says it."""
        said: dict[str, int] = {}
        for key, amounts in (
            ("requests_per_minute", [each.rpm for each in group]),
            ("tokens_per_minute", [each.tpm for each in group]),
            ("max_concurrent", [each.max_parallel for each in group]),
        ):
            if all(amounts):
                said[key] = sum(amount for amount in amounts if amount)
        if said:
            what = f"{', '.join(said)} of {group[0].model!r}, all deployments together: what is over it waits, then gets a 429"
            self._notes.change(
                group[0].part, what, "LiteLLM only chooses by rpm and tpm unless told otherwise; take limits out"
            )
        return LimitSettings.model_validate(said)

    def _fallbacks(self, name: str, alias_of: str, served: frozenset[str]) -> FallbackSettings:
        said: dict[str, tuple[str, ...]] = {}
        for cause, by_model in self._routing.fallbacks.items():
            own = by_model.get(name) or by_model.get(alias_of) or by_model.get(ANY)
            if own is not None:
                names = tuple(self._usable(own, (name, alias_of), served, is_own=own.part.key != ANY))
                if names:
                    said[cause] = names[:_MOST_FALLBACKS]
        return FallbackSettings.model_validate(said)

    def _is_lost(self, name: str) -> bool:
        return name not in self._by_name and any(matches(each, name) for each in self.left_out)

    def _usable(
        self, fallback: Fallback, names: tuple[str, str], served: frozenset[str], *, is_own: bool
    ) -> Iterator[str]:
        """Those of a list that the new file has and that serve what the model with these `names` does."""
        for other in dict.fromkeys(fallback.names):
            group = None if self._is_lost(other) else self._find(other)
            if other in names:
                continue
            if group is None:
                why = "couldn't be converted" if self._is_lost(other) else "isn't in model_list"
                self._notes.leave_out(fallback.part, f"fallback {other!r} {why}")
            elif any(not served <= each.operations for each in group):
                if is_own:
                    self._notes.leave_out(fallback.part, f"fallback {other!r} doesn't serve all that {names[0]!r} does")
            else:
                yield other
