"""Lists the ledger's rows that somebody asks for, page by page."""

from collections.abc import Sequence
from typing import Any

import msgspec

from turnout.models.ledger import LedgerEntry
from turnout.serve.control.database import Connection
from turnout.serve.control.reports.ask import Filters
from turnout.serve.control.reports.fold import HOUR_NS
from turnout.serve.control.reports.prices import PriceVersion, find_version, list_versions
from turnout.serve.control.reports.whose import NOBODY, read_owners

MAX_SEQ = 2**63 - 1

_FIELDS = tuple(name for name in LedgerEntry.__struct_fields__ if name != "budgets")


class LogRow(msgspec.Struct, frozen=True):
    """
    A row of the ledger with what belongs to it.

    Attributes:
        seq: its place.
        entry: what the ledger has.
        team, user: of its key, as the directory says now.
        price_version: the prices that its cost was made by, or "" if it's older than all of them.
    """

    seq: int
    entry: LedgerEntry
    team: str
    user: str
    price_version: str


def list_rows(
    connection: Connection, filters: Filters, begins_ns: int, ends_ns: int, after: int, limit: int
) -> list[LogRow]:
    """
    Up to `limit` rows with a `seq` above `after` and a time from `begins_ns` until before `ends_ns`, in order.

    The sums by hour say between which rows to look: rows aren't found by their time otherwise.
    """
    values = {
        **filters.to_values(), "begins": begins_ns, "ends": ends_ns, "first_hour": begins_ns // HOUR_NS, "last_hour": ends_ns // HOUR_NS,
        "after": after,
    }  # fmt: skip
    (folded,) = connection.execute("SELECT seq FROM spend_folded").fetchone()
    first, last = connection.execute(
        "SELECT min(first_seq), max(last_seq) FROM spend_hour WHERE hour BETWEEN :first_hour AND :last_hour "  # noqa: S608
        f"AND {filters.to_condition()}",
        values,
    ).fetchone()
    query = (
        f"SELECT seq, {', '.join(_FIELDS)} FROM ledger WHERE seq > :after AND seq BETWEEN :first AND :last "  # noqa: S608
        f"AND at_ns >= :begins AND at_ns < :ends AND {filters.to_condition()} ORDER BY seq LIMIT :limit"
    )
    rows: list[tuple[Any, ...]] = []
    # What isn't folded yet may belong to any hour.
    for span in ((first or 0, last or 0), (folded + 1, MAX_SEQ)):
        rows += connection.execute(
            query, values | {"first": span[0], "last": span[1], "limit": limit - len(rows)}
        ).fetchall()
    return _add_owners(connection, [(seq, msgspec.convert(fields, LedgerEntry, strict=False)) for seq, *fields in rows])


def _add_owners(connection: Connection, entries: Sequence[tuple[int, LedgerEntry]]) -> list[LogRow]:
    owners, versions = read_owners(connection), list_versions(connection)
    return [
        LogRow(seq, entry, owner.team, owner.user, _name_version(versions, entry))
        for seq, entry in entries
        for owner in [owners.get(entry.key_id, NOBODY)]
    ]


def _name_version(versions: Sequence[PriceVersion], entry: LedgerEntry) -> str:
    tokens = (entry.input_tokens, entry.output_tokens, entry.cache_read_tokens)
    found = find_version(versions, entry.target, entry.at_ns, tokens, entry.cost_nusd)
    return found.hash if found else ""
