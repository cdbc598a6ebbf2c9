"""What the directory keeps: who is given something, what they are given, and by which secret a key is known."""

import enum
from collections.abc import Mapping
from typing import Any

import msgspec

from turnout.models.access import Budget, Limit, Role


class Kind(enum.Enum):
    """What a grantee is; the value begins the buckets of its limits and the ids of its budgets."""

    ORGANIZATION = "org"
    TEAM = "team"
    USER = "user"
    KEY = "key"


DEFAULT_TENANT = "default"
"""Who pays for what belongs to no organisation; the keys of the cluster file too."""


class Terms(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    What one level says. What it leaves open is as the levels above say; nothing it says widens what they do.

    Attributes:
        models: public names, or None for all.
        operations: `chat`, `completions`, `embeddings`, or None for all.
        regions: where prompts may be processed, or None for anywhere.
        tier: a tier's name; the nearest level that names one counts.
        limits: with this level's own bucket.
        priority: lower is sooner; the greatest in the tree counts.
        share: the least in the tree counts.
        is_local_only: prompts never leave the cluster.
        tags: for reports; those of all levels count.
        expires_at_s: unix time; the soonest counts.
        is_blocked: whoever is at or below this level is refused.
        metadata: kept for its owner, never looked at.
    """

    models: frozenset[str] | None = None
    operations: frozenset[str] | None = None
    regions: frozenset[str] | None = None
    tier: str = ""
    limits: tuple[Limit, ...] = ()
    priority: int | None = None
    share: float | None = None
    is_local_only: bool = False
    tags: tuple[str, ...] = ()
    expires_at_s: float | None = None
    is_blocked: bool = False
    metadata: Mapping[str, Any] = {}


class Grantee(msgspec.Struct, frozen=True):
    """
    An organisation, a team, a user or a key.

    Attributes:
        kind, id: together unique, for ever.
        name: for people.
        tenant: id of the organisation, or `default`; of an organisation its own id.
        team, user: ids of what it belongs to, or ""; of a team or a user its own id.
        role: on the admin routes; of a key at most its user's.
        terms: what it says itself.
        budgets: its own.
        created_at_ns, deleted_at_ns: unix time; a deleted one is kept for the ledger's sake.
    """

    kind: Kind
    id: str
    name: str
    tenant: str
    team: str = ""
    user: str = ""
    role: Role = Role.SERVICE
    terms: Terms = Terms()
    budgets: tuple[Budget, ...] = ()
    created_at_ns: int = 0
    deleted_at_ns: int | None = None

    @property
    def ref(self) -> tuple[Kind, str]:
        """What it's found by."""
        return self.kind, self.id


class Secret(msgspec.Struct, frozen=True):
    """
    By what a key is known.

    Attributes:
        digest: BLAKE2b-256 of the key.
        key_id: which one.
        ends_at_ns: of one that was replaced: when it stops working; None for the one in force.
    """

    digest: bytes
    key_id: str
    ends_at_ns: int | None = None


class Change(msgspec.Struct, frozen=True):
    """
    What one call changes, written as a whole or not at all.

    Attributes:
        grantees: as they are from now on, deleted ones too; at least one.
        secrets: new ones, and those whose end has changed.
        ended: digests of secrets that are forgotten.
    """

    grantees: tuple[Grantee, ...]
    secrets: tuple[Secret, ...] = ()
    ended: tuple[bytes, ...] = ()
