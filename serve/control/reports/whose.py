"""Whose keys the ledger's key ids are, as the directory says now."""

import json
from collections.abc import Mapping

import msgspec

from turnout.serve.control.database import Connection


class Owner(msgspec.Struct, frozen=True):
    """Where a key belongs; all "" and () for one that the directory doesn't know, such as a key of the cluster file."""

    name: str = ""
    team: str = ""
    user: str = ""
    tags: tuple[str, ...] = ()


NOBODY = Owner()
IS_OF_TEAM = "key_id IN (SELECT id FROM grantee WHERE kind = 'key' AND team = :team)"
IS_OF_USER = "key_id IN (SELECT id FROM grantee WHERE kind = 'key' AND user_id = :user)"


def read_owners(connection: Connection) -> Mapping[str, Owner]:
    """By key id, deleted keys too; a key has its own tags and those of its user, team and organisation."""
    rows = connection.execute("SELECT kind, id, name, tenant, team, user_id, tags FROM grantee").fetchall()
    tags = {(kind, name): json.loads(text) for kind, name, *_, text in rows}
    return {
        name: Owner(
            alias,
            team,
            user,
            tuple(sorted({
                *tags["key", name],
                *tags.get(("user", user), ()),
                *tags.get(("team", team), ()),
                *tags.get(("org", tenant), ()),
            })),
        )
        for kind, name, alias, tenant, team, user, _ in rows
        if kind == "key"
    }  # fmt: skip
