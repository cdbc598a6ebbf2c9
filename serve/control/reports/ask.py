"""What a report is asked for."""

from datetime import UTC, datetime, timedelta

import msgspec

from turnout.models.errors import BadRequest
from turnout.serve.config.problem import suggest
from turnout.serve.control.reports.fold import DIMENSIONS, SUM_LEDGER, SUMS
from turnout.serve.control.reports.whose import IS_OF_TEAM, IS_OF_USER

GROUPS = ("org", "team", "user", "key", "tag", "model", "target", "provider", "day")
_CONDITIONS = {
    "org": "tenant = :org",
    "team": IS_OF_TEAM,
    "user": IS_OF_USER,
    "key": "key_id = :key",
    "model": "model = :model",
    "target": "target = :target",
}


class Filters(msgspec.Struct, frozen=True):
    """What rows must have; "" is anything."""

    org: str = ""
    team: str = ""
    user: str = ""
    key: str = ""
    model: str = ""
    target: str = ""

    def to_condition(self) -> str:
        """For a WHERE, with named parameters as `to_values` has them."""
        return " AND ".join(condition for name, condition in _CONDITIONS.items() if getattr(self, name)) or "true"

    def to_values(self) -> dict[str, str]:
        """The parameters."""
        return {name: getattr(self, name) for name in _CONDITIONS if getattr(self, name)}


class Ask(msgspec.Struct, frozen=True):
    """
    Which sums are wanted.

    Attributes:
        from_hour, to_hour: hours since 1970 UTC, the second not included.
        groups: of `GROUPS`, in the order of the columns.
        filters: which rows count.
    """

    from_hour: int
    to_hour: int
    groups: tuple[str, ...]
    filters: Filters = Filters()

    def to_values(self) -> dict[str, str | int]:
        """Parameters of `SOURCE` and of the filters."""
        return {"from_hour": self.from_hour, "to_hour": self.to_hour, **self.filters.to_values()}


_COLUMNS = ", ".join((*DIMENSIONS, *SUMS))
_TAIL = SUM_LEDGER.format(
    where="seq > (SELECT seq FROM spend_folded) AND at_ns >= :from_hour * 3600000000000 AND at_ns < :to_hour * 3600000000000"
)
SOURCE = f"(SELECT {_COLUMNS} FROM spend_hour WHERE hour >= :from_hour AND hour < :to_hour UNION ALL SELECT {_COLUMNS} FROM ({_TAIL}) AS tail)"  # noqa: S608
"""Hours of the ledger as rows of `spend_hour`, with what isn't folded yet."""


def read_groups(text: str) -> tuple[str, ...]:
    """
    `team,model` as its parts.

    Raises:
        BadRequest: one isn't a thing to group by.
    """
    groups = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    for name in groups:
        if name not in GROUPS:
            raise BadRequest(
                f"nothing is grouped by {name!r}; {suggest(name, list(GROUPS)) or 'there are ' + ', '.join(GROUPS)}",
                "group_by",
            )
    return groups


def read_hour(text: str, name: str) -> int:
    """
    `2026-11-01` or `2026-11-01T15:00` (UTC) as an hour since 1970.

    Raises:
        BadRequest: it's something else, or not a whole hour.
    """
    moment = read_moment(text, name)
    if moment.minute or moment.second or moment.microsecond:
        raise BadRequest(f"{name} is {text!r}; reports are by whole hours, such as 2026-11-01T15:00", name)
    return int(moment.timestamp()) // 3600


def read_moment(text: str, name: str) -> datetime:
    """The same without rounding; without an offset it's UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(
            f"{name} is {text[:80]!r}; give a day or a time, such as 2026-11-01 or 2026-11-01T15:00Z", name
        ) from None
    if not 1970 < moment.year < 2200:
        raise BadRequest(f"{name} is {text[:80]!r}, which isn't between 1970 and 2200", name)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def this_month(now: datetime) -> tuple[int, int]:
    """The first hour of the month, and the one after now."""
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return int(first.timestamp()) // 3600, int((now + timedelta(hours=1)).timestamp()) // 3600
