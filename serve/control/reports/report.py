"""The report of what was spent: sums of the ledger, by whatever they are grouped."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from turnout.serve.control.database import Connection
from turnout.serve.control.reports.ask import Ask
from turnout.serve.control.reports.fold import HOUR_NS
from turnout.serve.control.reports.gpu_time import SHARE, SPENT, IdlePool, share_gpus
from turnout.serve.control.reports.prices import PriceVersion, TargetPrice, list_versions
from turnout.serve.control.reports.whose import NOBODY, Owner, read_owners

_COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    "org": ("tenant",), "team": ("key_id",), "user": ("key_id",), "key": ("key_id",), "tag": ("key_id", "tags"),
    "model": ("model",), "target": ("target",), "provider": ("target",), "day": ("day",),
}  # fmt: skip
_EXPRESSIONS = {"day": "hour / 24"}
_AMOUNTS = (
    "attempts", "requests", "succeeded", "cancelled", "hedges_lost",
    "input_tokens", "output_tokens", "cache_read_tokens", "reasoning_tokens", "estimated",
    "CASE WHEN pool IS NULL THEN priced ELSE attempts END", "CASE WHEN pool IS NULL THEN unpriced ELSE 0 END", "cost_nusd",
    "CASE WHEN pool IS NULL THEN cost_nusd ELSE 0 END", SHARE,
)  # fmt: skip
"""As `Amounts` has them, with the own cost and the share of GPU time last."""

LOCAL = "local"
"""The provider of pools."""

UNKNOWN = "unknown"
"""The provider of targets that no price version has."""


class Amounts(msgspec.Struct):
    """
    What some attempts used and cost.

    Attributes:
        attempts: at targets; `requests` of them were a request's first, `succeeded` ended well, `cancelled` because the client left, `hedges_lost`
            because another was faster; the rest failed.
        input_tokens, output_tokens, cache_read_tokens, reasoning_tokens: as in the ledger.
        estimated: attempts whose tokens nobody counted.
        priced: attempts whose cost is known.
        unpriced: attempts that used tokens at a price that isn't known: their cost is in no sum.
        charged_nusd: what budgets were charged, by tokens.
        gpu_nusd: share of the GPU time of local pools that have a price for it.
        cost_nusd: `gpu_nusd` for those pools and `charged_nusd` for all else; None where nothing of it is known.
    """

    attempts: int = 0
    requests: int = 0
    succeeded: int = 0
    cancelled: int = 0
    hedges_lost: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cache_read_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: int = 0
    priced: int = 0
    unpriced: int = 0
    charged_nusd: int = 0
    gpu_nusd: int = 0
    cost_nusd: int | None = 0


class Line(msgspec.Struct, frozen=True):
    """The amounts of one group; `group` has a text for each thing it's grouped by, "" where there's none."""

    group: dict[str, str]
    amounts: Amounts


class Version(msgspec.Struct, frozen=True):
    """A price version by name."""

    hash: str
    at_ns: int


class Report(msgspec.Struct, frozen=True):
    """
    What was spent.

    Attributes:
        begins_at, ends_at: RFC 3339, UTC; the second isn't included.
        groups: what it's grouped by.
        lines: the dearest first. Grouped by tag, an attempt with several stands under each of them, so lines may be more than the total.
        total: every attempt once.
        idle: what local pools cost while no request was there, and what rounding left; it isn't in the total.
        prices: versions that were in force.
    """

    begins_at: str
    ends_at: str
    groups: tuple[str, ...]
    lines: list[Line]
    total: Amounts
    idle: list[IdlePool]
    prices: list[Version]


def make_report(connection: Connection, ask: Ask) -> Report:
    """Read and sum what is asked for, from one state of the store."""
    versions = list_versions(connection)
    idle = share_gpus(connection, ask, versions)
    name_groups = _namer(ask.groups, read_owners(connection), latest_prices(versions))
    lines: dict[tuple[str, ...], Amounts] = {}
    total = Amounts()
    for keys, amounts in _read_sums(connection, ask):
        _add(total, amounts)
        for group in name_groups(keys):
            _add(lines.setdefault(group, Amounts()), amounts)
    for amounts in (total, *lines.values()):
        if amounts.unpriced and not amounts.priced:
            amounts.cost_nusd = None
    shown = [Line(dict(zip(ask.groups, group, strict=True)), amounts) for group, amounts in lines.items()]
    return Report(
        write_hour(ask.from_hour),
        write_hour(ask.to_hour),
        ask.groups,
        sorted(shown, key=_dearest_first) if ask.groups else [],
        total,
        idle,
        [Version(version.hash, version.at_ns) for version in _in_force(versions, ask)],
    )


def latest_prices(versions: Sequence[PriceVersion]) -> dict[str, TargetPrice]:
    """The newest price of each target that ever was."""
    return {target: price for version in versions for target, price in version.prices.items()}


def write_hour(hour: int) -> str:
    """An hour since 1970 as RFC 3339."""
    return datetime.fromtimestamp(hour * 3600, UTC).isoformat().replace("+00:00", "Z")


def _in_force(versions: Sequence[PriceVersion], ask: Ask) -> list[PriceVersion]:
    """The versions whose time has something in common with what's asked for."""
    before = [version for version in versions if version.at_ns <= ask.from_hour * HOUR_NS][-1:]
    within = [version for version in versions if ask.from_hour * HOUR_NS < version.at_ns < ask.to_hour * HOUR_NS]
    return before + within


def _read_sums(connection: Connection, ask: Ask) -> Iterator[tuple[Mapping[str, Any], Amounts]]:
    """Sums by the columns that the groups come from."""
    columns = list(dict.fromkeys(column for group in ask.groups for column in _COLUMNS_OF[group]))
    sums = ", ".join(f"coalesce(sum({amount}), 0)" for amount in _AMOUNTS)
    query = (
        f"SELECT {', '.join((*(_EXPRESSIONS.get(column, column) for column in columns), sums))} FROM {SPENT} "  # noqa: S608  our own names
        f"WHERE {ask.filters.to_condition()}"
        + (f" GROUP BY {', '.join(str(n + 1) for n in range(len(columns)))}" if columns else "")
    )
    for row in connection.execute(query, ask.to_values()):
        own_nusd, gpu_nusd = row[-2:]
        yield dict(zip(columns, row, strict=False)), Amounts(*(*row[len(columns) : -2], gpu_nusd, own_nusd + gpu_nusd))


def _namer(
    groups: Sequence[str], owners: Mapping[str, Owner], prices: Mapping[str, TargetPrice]
) -> Callable[[Mapping[str, Any]], Iterator[tuple[str, ...]]]:
    """From a row's columns to the groups it stands in: one, or one for each of its tags."""

    def name_one(group: str, keys: Mapping[str, Any]) -> str:
        if group in ("team", "user"):
            return str(getattr(owners.get(keys["key_id"], NOBODY), group))
        if group == "day":
            return (date(1970, 1, 1) + timedelta(days=keys["day"])).isoformat()
        if group == "provider":
            price = prices.get(keys["target"])
            return UNKNOWN if price is None else price.provider or LOCAL
        return str(keys[_COLUMNS_OF[group][0]])

    def name_all(keys: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
        tags: Sequence[str] = ("",)
        if "tag" in groups:
            own = owners.get(keys["key_id"], NOBODY).tags
            tags = sorted({*own, *keys["tags"].split(",")} - {""}) or ("",)
        for tag in tags:
            yield tuple(tag if group == "tag" else name_one(group, keys) for group in groups)

    return name_all


def _add(into: Amounts, more: Amounts) -> None:
    for name in Amounts.__struct_fields__:
        setattr(into, name, getattr(into, name) + getattr(more, name))


def _dearest_first(line: Line) -> tuple[int, list[str]]:
    return -(line.amounts.cost_nusd or 0), list(line.group.values())
