"""Which shares of a budget have been passed: noted once a window, together with the rows that did it."""

import msgspec

from turnout.models.access import Budget
from turnout.models.ledger import AuditEvent
from turnout.serve.control.database import Connection
from turnout.serve.control.events import append_event
from turnout.serve.control.money import books
from turnout.serve.control.money.windows import find_span

_NOTE = (
    "INSERT INTO budget_alert (budget, start_s, share, at_ns) SELECT ?1, ?2, ?3, ?4 "
    "WHERE NOT EXISTS (SELECT 1 FROM budget_alert WHERE budget = ?1 AND share = ?3 AND start_s >= ?5)"
)


class Passed(msgspec.Struct, frozen=True):
    """
    A share of a budget that was passed just now.

    Attributes:
        budget: its id.
        share: of the amount, such as 0.8.
        spent_nusd, amount_nusd: in the window, and its most.
        window: as in `Budget`.
        began_at_s: the window's begin; with budget and share it names the alert.
        is_hard: whether nothing more can be spent at the amount.
        at_ns: unix time.
    """

    budget: str
    share: float
    spent_nusd: int
    amount_nusd: int
    window: str
    began_at_s: int
    is_hard: bool
    at_ns: int

    @property
    def severity(self) -> str:
        """`critical` where nothing more can be spent, otherwise `warning`."""
        return "critical" if self.is_hard and self.share >= 1 else "warning"


def find_level(budget_id: str) -> str:
    """Whose budget it is: `org`, `team`, `user` or `key`, with which its id begins."""
    return budget_id.partition(":")[0]


def note_passed(connection: Connection, terms: Budget, now_ns: int) -> list[Passed]:
    """Note shares that are passed for the first time in this window, with an audit event each."""
    span = find_span(terms.window, now_ns / 1e9)
    spent_nusd = books.read_spent(connection, terms.id, span)
    found: list[Passed] = []
    for share in terms.alert_shares:
        if spent_nusd < share * terms.amount_nusd:
            continue
        row = (terms.id, span.slice_s, share, now_ns, span.since_s)
        if connection.execute(_NOTE, row).rowcount:
            passed = Passed(
                terms.id, share, spent_nusd, terms.amount_nusd, terms.window, span.began_at_s, terms.is_hard, now_ns
            )
            detail = msgspec.json.encode({"share": share, "spent_nusd": spent_nusd, "amount_nusd": terms.amount_nusd})
            append_event(connection, AuditEvent(now_ns, "control", "budget.alert", terms.id, detail.decode()))
            found.append(passed)
    return found
