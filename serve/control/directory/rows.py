"""Keeps the directory in Control's SQLite file."""

from collections.abc import Iterable
from typing import Protocol

import msgspec

from turnout.models.access import Budget, Role
from turnout.models.ledger import AuditEvent
from turnout.serve.control.committer import Committer
from turnout.serve.control.database import Connection
from turnout.serve.control.directory.grantee import Change, Grantee, Kind, Secret, Terms
from turnout.serve.control.events import append_event

_terms = msgspec.json.Decoder(Terms)
_tags = msgspec.json.Decoder(tuple[str, ...])
_shares = msgspec.json.Decoder(tuple[float, ...])

_SELECT_GRANTEES = (
    "SELECT kind, id, name, tenant, team, user_id, role, terms, created_at_ns FROM grantee WHERE deleted_at_ns IS NULL"
)
_SELECT_BUDGETS = (
    "SELECT owner_kind, owner_id, id, amount_nusd, period, model, is_hard, alert_shares, downgrade_at, downgrade_to "
    "FROM budget"
)

_GRANTEE_FIELDS = (
    "kind", "id", "name", "tenant", "team", "user_id", "role", "terms", "tags", "created_at_ns", "deleted_at_ns", "version",
)  # fmt: skip
_PUT_GRANTEE = (
    f"INSERT INTO grantee ({', '.join(_GRANTEE_FIELDS)}) VALUES ({', '.join('?' * len(_GRANTEE_FIELDS))}) "  # noqa: S608
    f"ON CONFLICT (kind, id) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in _GRANTEE_FIELDS[2:])}"
)


class Kept(msgspec.Struct, frozen=True):
    """
    All that is in force.

    Attributes:
        version: of the directory; 0 for an empty one.
        grantees: that aren't deleted.
        secrets: of keys that aren't deleted.
    """

    version: int
    grantees: tuple[Grantee, ...]
    secrets: tuple[Secret, ...]


class DirectoryStore(Protocol):
    """Keeps the directory; each call raises NoTarget (503) when the store can't."""

    async def load(self) -> Kept:
        """What is in force."""
        ...

    async def write(self, change: Change, version: int, event: AuditEvent) -> None:
        """Write a change and the event that tells of it, together; on disk when it returns."""
        ...

    async def is_taken(self, kind: Kind, grantee_id: str) -> bool:
        """Whether there is or was one of that id."""
        ...


class DirectoryRows:
    """A `DirectoryStore` on the tables of `schema/directory.py`."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    async def load(self) -> Kept:
        """See `DirectoryStore`."""
        kept: Kept = await self._committer.read(_load)
        return kept

    async def write(self, change: Change, version: int, event: AuditEvent) -> None:
        """See `DirectoryStore`."""
        await self._committer.write(lambda connection: _write(connection, change, version, event))

    async def is_taken(self, kind: Kind, grantee_id: str) -> bool:
        """See `DirectoryStore`."""
        query = "SELECT 1 FROM grantee WHERE kind = ? AND id = ?"
        found = await self._committer.read(
            lambda connection: connection.execute(query, (kind.value, grantee_id)).fetchone()
        )
        return found is not None


def list_budgets(connection: Connection) -> list[Budget]:
    """The definitions of all budgets."""
    return [budget for _, budget in _select_budgets(connection)]


def _load(connection: Connection) -> Kept:
    (version,) = connection.execute("SELECT coalesce(max(version), 0) FROM grantee").fetchone()
    budgets: dict[tuple[str, str], list[Budget]] = {}
    for owner, budget in _select_budgets(connection):
        budgets.setdefault(owner, []).append(budget)
    grantees = tuple(
        Grantee(
            Kind(kind), id_, name, tenant, team, user, Role(role), _terms.decode(terms), tuple(budgets.get((kind, id_), ())), created
        )
        for kind, id_, name, tenant, team, user, role, terms, created in connection.execute(_SELECT_GRANTEES)
    )  # fmt: skip
    secrets = tuple(
        Secret(*row) for row in connection.execute("SELECT digest, key_id, ends_at_ns FROM key_secret ORDER BY digest")
    )
    return Kept(version, grantees, secrets)


def _select_budgets(connection: Connection) -> Iterable[tuple[tuple[str, str], Budget]]:
    for kind, owner, id_, amount, period, model, is_hard, shares, at, to in connection.execute(_SELECT_BUDGETS):
        yield (kind, owner), Budget(id_, amount, period, model, bool(is_hard), _shares.decode(shares), at, to)


def _write(connection: Connection, change: Change, version: int, event: AuditEvent) -> None:
    for grantee in change.grantees:
        _put_grantee(connection, grantee, version)
        put_budgets(connection, grantee)
    connection.executemany(
        "INSERT INTO key_secret (digest, key_id, ends_at_ns) VALUES (?, ?, ?) "
        "ON CONFLICT (digest) DO UPDATE SET ends_at_ns = excluded.ends_at_ns",
        [(each.digest, each.key_id, each.ends_at_ns) for each in change.secrets],
    )
    connection.executemany("DELETE FROM key_secret WHERE digest = ?", [(digest,) for digest in change.ended])
    append_event(connection, event)


def _put_grantee(connection: Connection, grantee: Grantee, version: int) -> None:
    row = (
        grantee.kind.value,
        grantee.id,
        grantee.name,
        grantee.tenant,
        grantee.team,
        grantee.user,
        grantee.role.value,
        msgspec.json.encode(grantee.terms).decode(),
        msgspec.json.encode(grantee.terms.tags).decode(),
        grantee.created_at_ns,
        grantee.deleted_at_ns,
        version,
    )
    connection.execute(_PUT_GRANTEE, row)


def put_budgets(connection: Connection, grantee: Grantee) -> None:
    """Make a grantee's budgets what it says now; those of a deleted one stay, since money was spent of them."""
    if grantee.deleted_at_ns is not None:
        return
    connection.execute("DELETE FROM budget WHERE owner_kind = ? AND owner_id = ?", (grantee.kind.value, grantee.id))
    connection.executemany(
        "INSERT INTO budget (owner_kind, owner_id, id, amount_nusd, period, model, is_hard, alert_shares, downgrade_at, downgrade_to) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                grantee.kind.value,
                grantee.id,
                each.id,
                each.amount_nusd,
                each.window,
                each.model,
                int(each.is_hard),
                msgspec.json.encode(each.alert_shares).decode(),
                each.downgrade_at,
                each.downgrade_to,
            )
            for each in grantee.budgets
        ],
    )
