"""The table of decisions: added with a journal's rows, read by pages, pruned by age."""

from collections.abc import Sequence

import msgspec

from turnout.models.decision import Decision
from turnout.serve.control.database import Connection

PAGE = 5000
"""Rows pruned in one go: a few milliseconds of the committer's thread."""

_INSERT = (
    "INSERT INTO decision (request_id, attempt, at_ns, body) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (request_id, attempt) DO NOTHING"
)
_PRUNE = "DELETE FROM decision WHERE seq IN (SELECT seq FROM decision WHERE at_ns < ? ORDER BY at_ns LIMIT ?)"

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Decision).decode


class DecisionRow(msgspec.Struct, frozen=True):
    """A decision as it's kept; `seq` grows, with gaps."""

    seq: int
    decision: Decision


def add_decisions(connection: Connection, decisions: Sequence[Decision]) -> None:
    """Add those that aren't there yet, in the caller's transaction."""
    connection.executemany(_INSERT, [(each.request_id, each.attempt, each.at_ns, _encode(each)) for each in decisions])


def list_decisions(connection: Connection, after: int, limit: int) -> list[DecisionRow]:
    """Up to `limit` with a `seq` above `after`, in order."""
    rows = connection.execute("SELECT seq, body FROM decision WHERE seq > ? ORDER BY seq LIMIT ?", (after, limit))
    return [DecisionRow(seq, _decode(body)) for seq, body in rows.fetchall()]


def find_decisions(connection: Connection, request_id: str) -> list[Decision]:
    """Every attempt of one request, in order."""
    rows = connection.execute("SELECT body FROM decision WHERE request_id = ? ORDER BY attempt", (request_id,))
    return [_decode(body) for (body,) in rows.fetchall()]


def prune(connection: Connection, before_ns: int, limit: int = PAGE) -> int:
    """Delete up to `limit` that are older; how many there were."""
    return connection.execute(_PRUNE, (before_ns, limit)).rowcount
