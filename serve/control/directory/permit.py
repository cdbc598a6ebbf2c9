"""Who may see and change what in the directory: pure rules on an Actor's role and on where things belong."""

from turnout.models.access import Actor, Role
from turnout.models.errors import Forbidden
from turnout.serve.control.directory.grantee import DEFAULT_TENANT, Grantee, Kind

_RANK = {role: rank for rank, role in enumerate((Role.SERVICE, Role.VIEWER, Role.MEMBER, Role.TEAM_ADMIN, Role.ADMIN))}


def has_role(actor: Actor, role: Role) -> bool:
    """Whether the actor may what `role` may; each includes the ones below."""
    return _RANK[actor.role] >= _RANK[role]


def is_owner(actor: Actor) -> bool:
    """Whether everything is the actor's: an admin of no organisation."""
    return actor.role is Role.ADMIN and not actor.tenant


def lower_role(one: Role, other: Role) -> Role:
    """The one that may less."""
    return min(one, other, key=_RANK.__getitem__)


def may_see(actor: Actor, grantee: Grantee) -> bool:
    """
    Whether the actor may look at it.

    Admins, and viewers that are in no team, see their organisation, or all if they are in none. Others see their team and its organisation, or
    only themselves and their keys if they are in no team. Services see nothing.
    """
    if not has_role(actor, Role.VIEWER) or (actor.tenant and grantee.tenant != actor.tenant):
        return False
    if actor.role is Role.ADMIN or (actor.role is Role.VIEWER and not actor.team):
        return True
    if not actor.team:
        return bool(actor.user) and grantee.user == actor.user
    is_own_tenant = grantee.kind is Kind.ORGANIZATION and grantee.id == actor.tenant
    return grantee.team == actor.team or is_own_tenant


def check_make(actor: Actor, kind: Kind) -> None:
    """Raises Forbidden where the actor may make none of a kind, whatever it's called and wherever it would belong: asked before ids are looked up."""
    if not is_owner(actor) and kind not in _MAKES[actor.role]:
        raise Forbidden(f"your role ({actor.role.value}) doesn't let you make a {_WORDS[kind]}")


def may_change(actor: Actor, grantee: Grantee) -> bool:
    """
    Whether the actor may make, change or delete it.

    An admin's is everything, or teams, users and keys of its organisation; a team admin's are users and keys of its team; a member's are its own
    keys.
    """
    if is_owner(actor):
        return True
    if (actor.tenant or DEFAULT_TENANT) != grantee.tenant or grantee.kind is Kind.ORGANIZATION:
        return False
    if actor.role is Role.ADMIN:
        return True
    if actor.role is Role.TEAM_ADMIN:
        return bool(actor.team) and grantee.team == actor.team and grantee.kind in (Kind.USER, Kind.KEY)
    return actor.role is Role.MEMBER and bool(actor.user) and grantee.kind is Kind.KEY and grantee.user == actor.user


def check_change(actor: Actor, grantee: Grantee) -> None:
    """Raises Forbidden unless `may_change`, or where it would have a role above the actor's."""
    what = f"{_WORDS[grantee.kind]} {grantee.id!r}"
    if not may_change(actor, grantee):
        raise Forbidden(f"your role ({actor.role.value}) doesn't let you change {what} here")
    if not has_role(actor, grantee.role):
        raise Forbidden(f"{what} can't have the role {grantee.role.value}: yours is {actor.role.value}", "user_role")


def word_of(kind: Kind) -> str:
    """What people call it."""
    return _WORDS[kind]


_MAKES = {
    Role.ADMIN: (Kind.TEAM, Kind.USER, Kind.KEY),
    Role.TEAM_ADMIN: (Kind.USER, Kind.KEY),
    Role.MEMBER: (Kind.KEY,),
    Role.VIEWER: (),
    Role.SERVICE: (),
}
_WORDS = {Kind.ORGANIZATION: "organization", Kind.TEAM: "team", Kind.USER: "user", Kind.KEY: "key"}
