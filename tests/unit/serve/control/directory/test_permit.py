"""Who may see and change what: every role against every place."""

import pytest

from turnout.models.access import Actor, Role
from turnout.models.errors import Forbidden
from turnout.serve.control.directory.grantee import Grantee, Kind
from turnout.serve.control.directory.permit import check_change, is_owner, may_change, may_see

ACTORS = {
    "owner": Actor("admin", Role.ADMIN),
    "org admin": Actor("k", Role.ADMIN, "acme"),
    "team admin": Actor("k", Role.TEAM_ADMIN, "acme", "search", "tea"),
    "member": Actor("k", Role.MEMBER, "acme", "search", "ann"),
    "loner": Actor("k", Role.MEMBER, "acme", "", "ann"),
    "viewer": Actor("k", Role.VIEWER, "acme", "search", "vic"),
    "all viewer": Actor("k", Role.VIEWER),
    "service": Actor("k", Role.SERVICE, "acme", "search", "ann"),
}
PLACES = {
    "org": Grantee(Kind.ORGANIZATION, "acme", "", "acme"),
    "team": Grantee(Kind.TEAM, "search", "", "acme", "search"),
    "user": Grantee(Kind.USER, "bob", "", "acme", "search", "bob"),
    "own user": Grantee(Kind.USER, "ann", "", "acme", "search", "ann"),
    "own key": Grantee(Kind.KEY, "k-1", "", "acme", "search", "ann"),
    "team key": Grantee(Kind.KEY, "k-2", "", "acme", "search"),
    "other team": Grantee(Kind.TEAM, "ads", "", "acme", "ads"),
    "other team key": Grantee(Kind.KEY, "k-3", "", "acme", "ads"),
    "other org": Grantee(Kind.ORGANIZATION, "evil", "", "evil"),
    "other org key": Grantee(Kind.KEY, "k-4", "", "evil", "search", "ann"),
}
OWN_TEAM = {"org", "team", "user", "own user", "own key", "team key"}
OWN_ORG = OWN_TEAM | {"other team", "other team key"}
SEES = {
    "owner": set(PLACES),
    "org admin": OWN_ORG,
    "team admin": OWN_TEAM,
    "member": OWN_TEAM,
    "loner": {"own user", "own key"},
    "viewer": OWN_TEAM,
    "all viewer": set(PLACES),
    "service": set(),
}
CHANGES = {
    "owner": set(PLACES),
    "org admin": OWN_ORG - {"org"},
    "team admin": {"user", "own user", "own key", "team key"},
    "member": {"own key"},
    "loner": {"own key"},
    "viewer": set(),
    "all viewer": set(),
    "service": set(),
}


@pytest.mark.parametrize("who", ACTORS)
def test_what_an_actor_sees_and_changes(who: str) -> None:
    assert {name for name, place in PLACES.items() if may_see(ACTORS[who], place)} == SEES[who]
    assert {name for name, place in PLACES.items() if may_change(ACTORS[who], place)} == CHANGES[who]


def test_what_is_in_no_organisation_is_changed_by_those_in_none() -> None:
    key = Grantee(Kind.KEY, "k", "", "default", "search")
    assert may_change(Actor("k", Role.TEAM_ADMIN, "", "search", "tea"), key)
    assert not may_change(Actor("k", Role.TEAM_ADMIN, "acme", "search", "tea"), key)


@pytest.mark.parametrize("role", [Role.ADMIN, Role.TEAM_ADMIN])
def test_nobody_gives_a_role_above_their_own(role: Role) -> None:
    user = Grantee(Kind.USER, "bob", "", "acme", "search", "bob", role)
    check_change(ACTORS["org admin"], user)
    if role is Role.ADMIN:
        with pytest.raises(Forbidden, match="yours is team_admin"):
            check_change(ACTORS["team admin"], user)


def test_only_an_admin_of_no_organisation_owns_everything() -> None:
    assert [name for name, actor in ACTORS.items() if is_owner(actor)] == ["owner"]
