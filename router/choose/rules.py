"""Rules at work: made into closures when a config is taken, so that a request pays only for what a rule says."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from turnout.models.access import WILDCARD
from turnout.models.openai.tags import read_tags
from turnout.router.choose.asked import Asked
from turnout.router.choose.choice import Choice
from turnout.router.choose.shares import place, subject_of
from turnout.router.choose.terms import Hours, Rules, Share, When

Check = Callable[[Asked], bool]
_Read = Callable[[Asked], str]

_DAY = timedelta(days=1)


class RuleList:
    """The rules of one model, each with the name that the caller is told: `rule_1` is the first."""

    def __init__(self, rules: Rules, model: str) -> None:
        """
        Args:
            rules: in order.
            model: whose they are; two models' shares don't fall on the same requests.
        """
        self._rules = tuple(
            (_compile(rule.when, f"{model}\0{rule.model}"), Choice(rule.model, f"rule_{number}"))
            for number, rule in enumerate(rules.rules, 1)
        )

    async def choose(self, asked: Asked) -> Choice | None:
        """See `Chooses`."""
        for checks, choice in self._rules:
            for holds in checks:
                if not holds(asked):
                    break
            else:
                return choice
        return None


def _compile(when: When, salt: str) -> tuple[Check, ...]:
    """What must hold, in the order given here: what costs least comes first, and a share is of those for whom the rest holds."""
    checks: list[Check] = []
    if when.is_stream is not None:
        checks.append(_check_stream(when.is_stream))
    if when.least_tokens is not None or when.most_tokens is not None:
        checks.append(_check_length(when.least_tokens or 0, when.most_tokens))
    if when.has:
        needed = when.has
        checks.append(lambda asked: needed <= asked.call.request.needs)
    checks += [_check_header(name, wanted) for name, wanted in when.headers.items()]
    checks += [_check_name(name, wanted) for name, wanted in when.one_of.items()]
    if when.hours is not None:
        checks.append(_check_hours(when.hours))
    if when.share is not None:
        checks.append(_check_share(when.share, salt))
    return tuple(checks)


def _check_stream(is_stream: bool) -> Check:
    return lambda asked: asked.call.request.is_stream is is_stream


def _check_length(least: int, most: int | None) -> Check:
    if most is None:
        return lambda asked: asked.call.features.prompt_tokens >= least
    return lambda asked: least <= asked.call.features.prompt_tokens <= most


def _check_header(name: str, wanted: Sequence[str]) -> Check:
    key, exact, beginnings = name.encode("latin-1"), *_split(wanted)
    values, begins = frozenset(each.encode() for each in exact), tuple(each.encode() for each in beginnings)

    def holds(asked: Asked) -> bool:
        value = asked.headers.get(key)
        return value is not None and (value in values or value.startswith(begins))

    return holds


def _check_name(name: str, wanted: Sequence[str]) -> Check:
    exact, beginnings = _split(wanted)
    if name == "tag":
        return lambda asked: any(_fits(tag, exact, beginnings) for tag in _tags(asked))
    read = _READ[name]

    def holds(asked: Asked) -> bool:
        value = read(asked)
        return value in exact or value.startswith(beginnings)

    return holds


def _split(wanted: Iterable[str]) -> tuple[frozenset[str], tuple[str, ...]]:
    """Whole names, and the beginnings of those that end in a wildcard."""
    names = tuple(wanted)
    exact = frozenset(name for name in names if not name.endswith(WILDCARD))
    return exact, tuple(name[:-1] for name in names if name.endswith(WILDCARD))


def _fits(value: str, exact: frozenset[str], beginnings: tuple[str, ...]) -> bool:
    return value in exact or value.startswith(beginnings)


def _tags(asked: Asked) -> Sequence[str]:
    """The principal's and the request's own."""
    call = asked.call
    written = read_tags(call.request.fields)
    return (*call.principal.tags, *written.split(",")) if written else call.principal.tags


_READ: dict[str, _Read] = {
    "tenant": lambda asked: asked.call.principal.tenant,
    "team": lambda asked: asked.call.principal.team,
    "user": lambda asked: asked.call.principal.user,
    "key": lambda asked: asked.call.principal.key_id,
    "tier": lambda asked: asked.call.principal.tier,
    "model": lambda asked: asked.call.request.model,
    "task": lambda asked: asked.call.features.task,
    "language": lambda asked: asked.language,
}
"""What a name is read from, beside tags."""


def _check_hours(hours: Hours) -> Check:
    begin, end, days, zone = hours.begin, hours.end, hours.days, hours.zone

    def holds(asked: Asked) -> bool:
        local = datetime.fromtimestamp(asked.call.arrival.at_ns / 1e9, zone)
        at = local.time()
        if begin < end:
            return begin <= at < end and local.weekday() in days
        if at >= begin:
            return local.weekday() in days
        return at < end and (local - _DAY).weekday() in days

    return holds


def _check_share(share: Share, salt: str) -> Check:
    part, by = share.part, share.by
    return lambda asked: place(salt, subject_of(asked.call, by)) < part
