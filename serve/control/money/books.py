"""
The sums of money in Control's database, each function within a transaction of the caller's.

What holds at every commit, for every hard budget whose terms weren't tightened: spent in the window + what routers hold ≤ amount. A router holds
granted − returned − settled, never counted below 0: an attempt that cost more than was held for it is spent, and nobody's credit.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from turnout.models.access import Budget
from turnout.models.ledger import LedgerEntry
from turnout.router.money.lease import Claim, Grant
from turnout.serve.control.database import Connection
from turnout.serve.control.money.windows import Span, find_span

NO_WINDOW = Span(0, 0, 0, None)
"""For spending on a budget that has been deleted."""

_SPEND = (
    "INSERT INTO budget_state (budget, start_s, spent_nusd) VALUES (?, ?, ?) "
    "ON CONFLICT (budget, start_s) DO UPDATE SET spent_nusd = budget_state.spent_nusd + excluded.spent_nusd"
)
_SETTLE = "UPDATE lease SET settled_nusd = settled_nusd + ? WHERE router = ? AND budget = ?"
_SPENT = "SELECT coalesce(sum(spent_nusd), 0) FROM budget_state WHERE budget = ? AND start_s >= ?"
_HELD_OF_ONE = (
    "CASE WHEN granted_nusd > returned_nusd + settled_nusd THEN granted_nusd - returned_nusd - settled_nusd ELSE 0 END"
)
_HELD = f"SELECT coalesce(sum({_HELD_OF_ONE}), 0) FROM lease WHERE budget = ?"  # noqa: S608  our own names
_LEASES = f"SELECT count(*), coalesce(sum({_HELD_OF_ONE}), 0) FROM lease"  # noqa: S608
_LEASE = "SELECT id, granted_nusd, returned_nusd, settled_nusd FROM lease WHERE router = ? AND budget = ?"


class Leases(NamedTuple):
    """How many parts of budgets routers have, and how much is held in them."""

    count: int
    held_nusd: int


def book(
    connection: Connection,
    router: str,
    entries: Sequence[LedgerEntry],
    find: Callable[[str], Budget | None],
    now_s: float,
) -> list[str]:
    """Count rows that were just inserted against their budgets, and against what their router holds; which budgets those are."""
    costs: dict[str, int] = {}
    for entry in entries:
        if entry.budgets and entry.cost_nusd:
            for budget in entry.budgets:
                costs[budget] = costs.get(budget, 0) + entry.cost_nusd
    for budget, cost_nusd in costs.items():
        connection.execute(_SPEND, (budget, span_of(find(budget), now_s).slice_s, cost_nusd))
        connection.execute(_SETTLE, (cost_nusd, router, budget))
    return [*costs]


def renew(
    connection: Connection, router: str, claim: Claim, terms: Budget | None, now_s: float, routers: int
) -> tuple[Grant, bool]:
    """
    Take back and grant for one claim; and whether its first need could not be met now, though the window has that much unspent.

    Args:
        routers: how many share what is left.
    """
    if terms is None:
        return Grant(claim.budget, None), False
    spent_nusd = read_spent(connection, claim.budget, span_of(terms, now_s))
    if not terms.is_hard:
        return Grant(claim.budget, terms, spent=spent_nusd), False
    row = connection.execute(_LEASE, (router, claim.budget)).fetchone()
    if row is None:
        connection.execute("INSERT INTO lease (router, budget) VALUES (?, ?)", (router, claim.budget))
        row = connection.execute(_LEASE, (router, claim.budget)).fetchone()
        is_same = not claim.lease
    else:
        is_same = claim.lease == row[0]
    number, granted, returned, settled = row
    if not is_same:
        return Grant(claim.budget, terms, number, granted, returned, settled, spent_nusd), False
    returned = min(max(returned, claim.returned), granted)
    own = max(0, granted - row[2] - settled)
    others = read_held(connection, claim.budget) - own
    room = max(0, terms.amount_nusd - spent_nusd - others)
    cap = returned + settled + room
    free = max(0, room - max(0, granted - returned - settled))
    if claim.needs <= granted:
        target = min(claim.wants, granted + free // (2 * routers))
    elif claim.needs <= cap:
        target = min(claim.wants, cap, max(claim.needs, granted + free // 2))
    else:
        target = granted
    granted = max(granted, target)
    connection.execute("UPDATE lease SET granted_nusd = ?, returned_nusd = ? WHERE id = ?", (granted, returned, number))
    return Grant(claim.budget, terms, number, granted, returned, settled, spent_nusd), claim.needs > granted


def release(connection: Connection, routers: Iterable[str]) -> None:
    """Take back all that these routers hold: they are gone."""
    connection.executemany("DELETE FROM lease WHERE router = ?", [(router,) for router in routers])


def read_spent(connection: Connection, budget: str, span: Span) -> int:
    """Nano-USD spent in the window."""
    return int(connection.execute(_SPENT, (budget, span.since_s)).fetchone()[0])


def read_held(connection: Connection, budget: str) -> int:
    """Nano-USD that routers hold of it."""
    return int(connection.execute(_HELD, (budget,)).fetchone()[0])


def count_leases(connection: Connection) -> Leases:
    """All that routers have."""
    return Leases(*map(int, connection.execute(_LEASES).fetchone()))


def read_holders(connection: Connection) -> list[str]:
    """Routers that have a lease."""
    return [router for (router,) in connection.execute("SELECT DISTINCT router FROM lease")]


def forget_spent(connection: Connection, budget: str, span: Span) -> int:
    """Begin the window anew, with what routers hold; how much had been spent."""
    spent_nusd = read_spent(connection, budget, span)
    connection.execute("DELETE FROM budget_state WHERE budget = ? AND start_s >= ?", (budget, span.since_s))
    connection.execute("DELETE FROM budget_alert WHERE budget = ? AND start_s >= ?", (budget, span.since_s))
    return spent_nusd


def forget_old(connection: Connection, budgets: Iterable[Budget], now_s: float) -> None:
    """Drop slices of rolling windows that don't count any more; calendar windows are kept for reports."""
    for terms in budgets:
        if terms.window.startswith("rolling:"):
            before = find_span(terms.window, now_s).since_s
            connection.execute("DELETE FROM budget_state WHERE budget = ? AND start_s < ?", (terms.id, before))
            connection.execute("DELETE FROM budget_alert WHERE budget = ? AND start_s < ?", (terms.id, before))


def span_of(terms: Budget | None, now_s: float) -> Span:
    """The window of a budget; one that's gone has none."""
    return find_span(terms.window, now_s) if terms is not None else NO_WINDOW
