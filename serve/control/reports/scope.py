"""Whose spending and budgets an actor of the admin routes may see: pure."""

import msgspec

from turnout.models.access import Actor, Role
from turnout.models.errors import Forbidden
from turnout.serve.control.directory.grantee import Grantee
from turnout.serve.control.reports.ask import Filters


def narrow(actor: Actor, filters: Filters) -> Filters:
    """
    The filters with what the actor is bound to: a member to itself, a team's admin and viewer to the team, an organisation's to that.

    Raises:
        Forbidden: the filters ask for somebody else.
    """
    for name, own in _bounds(actor).items():
        asked = getattr(filters, name)
        if asked not in ("", own):
            raise Forbidden(f"your role ({actor.role.value}) doesn't let you see the spending of {name} {asked!r}")
        filters = msgspec.structs.replace(filters, **{name: own})
    return filters


def sees_all(actor: Actor) -> bool:
    """Whether the actor is bound to nobody: then idle time is its business, too."""
    return not _bounds(actor)


def sees_money_of(actor: Actor, owner: Grantee | None) -> bool:
    """Whether the actor may see what the owner of a budget spends; what has no owner any more is for those who are bound to nobody."""
    bounds = _bounds(actor)
    if owner is None:
        return not bounds
    places = {"org": owner.tenant, "team": owner.team, "user": owner.user}
    return all(places[name] == own for name, own in bounds.items())


def _bounds(actor: Actor) -> dict[str, str]:
    if actor.role in (Role.MEMBER, Role.SERVICE):
        if not actor.user:
            raise Forbidden("this key belongs to no user, so it sees no spending")
        return {"user": actor.user}
    bounds = {"org": actor.tenant, "team": "" if actor.role is Role.ADMIN else actor.team}
    if actor.role is Role.TEAM_ADMIN and not actor.team:
        raise Forbidden("this team admin belongs to no team, so it sees no spending")
    return {name: own for name, own in bounds.items() if own}
