"""What actors do to the directory: each act is checked against what the actor may and holds, written with its audit event, and told to routers."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from turnout.models.access import Actor, Principal, Role
from turnout.models.errors import BadRequest, Forbidden, NotFound
from turnout.models.ledger import AuditEvent
from turnout.serve.control.directory.book import DirectoryBook
from turnout.serve.control.directory.grantee import DEFAULT_TENANT, Change, Grantee, Kind, Secret
from turnout.serve.control.directory.permit import check_change, check_make, is_owner, lower_role, may_see, word_of
from turnout.serve.control.directory.resolve import find_excess, find_raised, resolve

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_ID_PREFIXES = {Kind.ORGANIZATION: "o-", Kind.TEAM: "t-", Kind.USER: "u-", Kind.KEY: "k-"}
_FIRST_ROLES = {Kind.ORGANIZATION: Role.SERVICE, Kind.TEAM: Role.SERVICE, Kind.USER: Role.MEMBER, Kind.KEY: Role.ADMIN}
"""A key's is lowered to its user's."""

Revise = Callable[[Grantee], Grantee]


@dataclass(frozen=True, slots=True)
class Made:
    """
    A key that was made or made anew.

    Attributes:
        secret: what the caller sends; it's nowhere else and can't be shown again.
        version: of the directory that has it.
    """

    grantee: Grantee
    secret: str
    version: int


def digest_key(secret: str) -> bytes:
    """BLAKE2b-256, as routers look keys up."""
    return hashlib.blake2b(secret.encode(), digest_size=32).digest()


class DirectoryDesk:
    """Changes are made one after the other, so that what was checked still holds when it's written."""

    def __init__(
        self, book: DirectoryBook, wall_ns: Callable[[], int], new_secret: Callable[[], str], new_id: Callable[[], str]
    ) -> None:
        """
        Args:
            new_secret: 32 random bytes as text; `sk-tn-` is put before it.
            new_id: short and random; told in the answer where the caller names none.
        """
        self.book = book
        self._wall_ns = wall_ns
        self._new_secret = new_secret
        self._new_id = new_id

    def get(self, actor: Actor, kind: Kind, grantee_id: str) -> Grantee:
        """Look at one. Raises NotFound, for what the actor may not see too."""
        found = self.book.find(kind, grantee_id)
        if found is None or not may_see(actor, found):
            raise NotFound(f"there is no {word_of(kind)} {grantee_id!r} that you may see", f"{word_of(kind)}_id")
        return found

    def list_seen(self, actor: Actor, kind: Kind) -> list[Grantee]:
        """All of a kind that the actor may see, the oldest first."""
        return [grantee for grantee in self.book.list_all(kind) if may_see(actor, grantee)]

    async def create(self, actor: Actor, kind: Kind, parts: Mapping[str, str], revise: Revise) -> tuple[Grantee, int]:
        """
        Make an organisation, a team or a user.

        Args:
            parts: `id`, `tenant`, `team`, `user`: where they are given.
            revise: fills in everything else.

        Raises:
            Forbidden: it isn't the actor's to make, or would have more than the actor.
            BadRequest: the id is taken, or it would belong to what doesn't exist.
        """
        async with self.book.changing:
            grantee = self._belong(actor, revise(await self._draft(actor, kind, parts)))
            self._check_new(actor, grantee)
            version = await self._write(actor, f"{word_of(kind)}.create", Change((grantee,)))
            return grantee, version

    async def generate(self, actor: Actor, parts: Mapping[str, str], revise: Revise) -> Made:
        """Make a key; otherwise as `create`."""
        async with self.book.changing:
            key = self._belong(actor, revise(await self._draft(actor, Kind.KEY, parts)))
            self._check_new(actor, key)
            secret = f"sk-tn-{self._new_secret()}"
            change = Change((key,), (Secret(digest_key(secret), key.id),))
            return Made(key, secret, await self._write(actor, "key.create", change))

    async def update(self, actor: Actor, kind: Kind, grantee_id: str, revise: Revise, action: str = "update") -> tuple[Grantee, int]:  # fmt: skip
        """
        Change one.

        Raises:
            NotFound: there's none that the actor may see.
            Forbidden: it isn't the actor's to change, before or after, or would have more than the actor may give.
        """
        async with self.book.changing:
            old = self.get(actor, kind, grantee_id)
            check_change(actor, old)
            new = self._belong(actor, revise(old))
            check_change(actor, new)
            self._check_more(actor, old, new)
            return new, await self._write(actor, f"{word_of(kind)}.{action}", Change((new,)))

    async def delete(self, actor: Actor, kind: Kind, grantee_ids: Iterable[str]) -> tuple[list[str], int]:
        """
        Delete some, and the keys that belong to them; the ids of what went.

        Raises:
            NotFound, Forbidden: for any of them; nothing is deleted then.
            BadRequest: users or teams still belong to one.
        """
        async with self.book.changing:
            now = self._wall_ns()
            doomed: dict[tuple[Kind, str], Grantee] = {}
            for grantee_id in grantee_ids:
                grantee = self.get(actor, kind, grantee_id)
                check_change(actor, grantee)
                doomed |= {each.ref: each for each in (grantee, *self._keys_below(grantee))}
            if not doomed:
                raise BadRequest(f"name the {word_of(kind)}s to delete")
            keys = [each for each in doomed.values() if each.kind is Kind.KEY]
            ended = tuple(secret.digest for key in keys for secret in self.book.secrets_of(key.id))
            gone = tuple(msgspec.structs.replace(each, deleted_at_ns=now) for each in doomed.values())
            version = await self._write(actor, f"{word_of(kind)}.delete", Change(gone, (), ended))
            return [each.id for each in gone], version

    async def regenerate(self, actor: Actor, key_id: str, grace_s: float) -> Made:
        """
        Give a key a new secret; the one before works for `grace_s` more, any older one no longer.

        Raises:
            NotFound, Forbidden: as `update`; and where the key has more than the actor, who would have it then.
        """
        async with self.book.changing:
            key = self.get(actor, Kind.KEY, key_id)
            check_change(actor, key)
            if not is_owner(actor):
                _refuse_excess(find_excess(self.book.principal_of(key), self.held(actor)))
            ends_at_ns = self._wall_ns() + int(grace_s * 1e9)
            before = self.book.secrets_of(key_id)
            kept = [each for each in before if each.ends_at_ns is None and grace_s > 0]
            ended = tuple(each.digest for each in before if each not in kept)
            secret = f"sk-tn-{self._new_secret()}"
            old = (msgspec.structs.replace(each, ends_at_ns=ends_at_ns) for each in kept)
            change = Change((key,), (Secret(digest_key(secret), key.id), *old), ended)
            return Made(key, secret, await self._write(actor, "key.regenerate", change))

    async def _draft(self, actor: Actor, kind: Kind, parts: Mapping[str, str]) -> Grantee:
        """An empty one in its place."""
        check_make(actor, kind)
        grantee_id = parts.get("id") or f"{_ID_PREFIXES[kind]}{self._new_id()}"
        if not _ID.fullmatch(grantee_id) or (kind is Kind.ORGANIZATION and grantee_id == DEFAULT_TENANT):
            raise BadRequest(
                f"{grantee_id!r} can't be an id: 1 to 64 letters, digits and ._@-, and not {DEFAULT_TENANT!r}"
            )
        if await self.book.is_taken(kind, grantee_id):
            raise BadRequest(f"there is or was a {word_of(kind)} {grantee_id!r}; ids aren't used twice")
        user, team, tenant = parts.get("user", ""), parts.get("team", ""), parts.get("tenant", "")
        if kind is Kind.KEY and actor.role is Role.MEMBER:
            user = user or actor.user
        if kind in (Kind.KEY, Kind.USER) and actor.role is Role.TEAM_ADMIN:
            team = team or actor.team
        user = grantee_id if kind is Kind.USER else user
        team = grantee_id if kind is Kind.TEAM else team
        tenant = grantee_id if kind is Kind.ORGANIZATION else tenant
        return Grantee(kind, grantee_id, "", tenant, team, user, _FIRST_ROLES[kind], created_at_ns=self._wall_ns())

    def _belong(self, actor: Actor, grantee: Grantee) -> Grantee:
        """
        With team, organisation and role filled in from what it belongs to.

        Raises:
            BadRequest: that doesn't exist or isn't the actor's to see, or isn't of one organisation.
        """
        user = self._find_part(actor, Kind.USER, grantee.user, grantee)
        team_id = grantee.team or (user.team if user else "")
        team = self._find_part(actor, Kind.TEAM, team_id, grantee)
        tenants = [each.tenant for each in (team, user) if each] or [grantee.tenant or actor.tenant or DEFAULT_TENANT]
        if len({*tenants, *filter(None, [grantee.tenant])}) > 1:
            raise BadRequest(
                f"{word_of(grantee.kind)} {grantee.id!r}: its team, user and organization don't belong together"
            )
        if tenants[0] not in (DEFAULT_TENANT, grantee.id):
            self._check_tenant(actor, tenants[0])
        if user and team_id != user.team and actor.role is not Role.ADMIN:
            raise Forbidden(
                f"user {user.id!r} is in team {user.team!r}: only an admin gives it a key of another", "team_id"
            )
        placed = msgspec.structs.replace(grantee, team=team_id, tenant=tenants[0])
        if grantee.kind is not Kind.KEY:
            return placed
        return msgspec.structs.replace(placed, role=lower_role(placed.role, user.role) if user else Role.SERVICE)

    def _find_part(self, actor: Actor, kind: Kind, part_id: str, grantee: Grantee) -> Grantee | None:
        if not part_id or kind is grantee.kind:
            return None
        found = self.book.find(kind, part_id)
        if found is None or not may_see(actor, found):
            raise BadRequest(f"there is no {word_of(kind)} {part_id!r} that you may see", f"{word_of(kind)}_id")
        return found

    def _check_tenant(self, actor: Actor, tenant: str) -> None:
        is_seen = is_owner(actor) or actor.tenant == tenant
        if not is_seen or not self.book.find(Kind.ORGANIZATION, tenant):
            raise BadRequest(f"there is no organization {tenant!r} that you may see", "organization_id")

    def _check_new(self, actor: Actor, grantee: Grantee) -> None:
        check_change(actor, grantee)
        if not is_owner(actor):
            _refuse_excess(find_excess(self.book.principal_of(grantee), self.held(actor)))

    def _check_more(self, actor: Actor, old: Grantee, new: Grantee) -> None:
        """A member's keys and the one acted with only get tighter; others may have what the actor holds, and keep what they had."""
        if is_owner(actor):
            return
        before, after = self.book.principal_of(old), self.book.principal_of(new)
        if actor.role is Role.MEMBER or new.ref == (Kind.KEY, actor.id):
            _refuse_excess(find_excess(after, before) + find_raised(new.budgets, old.budgets))
            return
        held = self.held(actor)
        _refuse_excess(sorted(set(find_excess(after, held)) - set(find_excess(before, held))))

    def held(self, actor: Actor) -> Principal:
        """What the actor may give: what its organisation, team or user has, by its role, and no more than the key that it acts with."""
        levels = [self.book.find(Kind.ORGANIZATION, actor.tenant)]
        if actor.role is not Role.ADMIN:
            levels.append(self.book.find(Kind.TEAM, actor.team))
        if actor.role is Role.MEMBER:
            levels.append(self.book.find(Kind.USER, actor.user))
        levels.append(self.book.find(Kind.KEY, actor.id))
        found = [level for level in levels if level is not None]
        return resolve(found) if found else Principal(actor.tenant, "")

    def _keys_below(self, grantee: Grantee) -> list[Grantee]:
        below = self.book.below(grantee)
        others = [f"{word_of(each.kind)} {each.id!r}" for each in below if each.kind is not Kind.KEY]
        if others:
            raise BadRequest(
                f"{word_of(grantee.kind)} {grantee.id!r} still has {', '.join(others[:5])}: move or delete what belongs to it first"
            )
        return below

    async def _write(self, actor: Actor, action: str, change: Change) -> int:
        told = [_tell(grantee) for grantee in change.grantees]
        detail = json.dumps(told[0] if len(told) == 1 else {"all": [each["id"] for each in told]}, sort_keys=True)
        subject = f"{change.grantees[0].kind.value}:{change.grantees[0].id}"
        return await self.book.write(change, AuditEvent(self._wall_ns(), actor.id, action, subject, detail))


def _refuse_excess(excess: list[str]) -> None:
    if excess:
        raise Forbidden(f"that is more than you have to give: {'; '.join(excess[:5])}")


def _tell(grantee: Grantee) -> dict[str, Any]:
    """For the audit log: what it is from now on."""
    told: dict[str, Any] = msgspec.to_builtins(grantee)
    return {name: value for name, value in told.items() if value not in ("", None, (), {})}
