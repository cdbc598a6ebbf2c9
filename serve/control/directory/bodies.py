"""Which fields each of the directory's routes takes."""

from typing import Annotated, Any, Self

import msgspec
from pydantic import Field, model_validator

from turnout.models.access import Role
from turnout.models.errors import BadRequest
from turnout.serve.control.directory.fields import Body, TermsBody
from turnout.serve.control.directory.grantee import Grantee, Kind

Id = Annotated[str, Field(min_length=1, max_length=64)]
Ids = Annotated[list[Id], Field(min_length=1, max_length=1000)]
Alias = Annotated[str, Field(max_length=256)]
Secret = Annotated[str, Field(min_length=8, max_length=512, description="the key itself")]

_PARTS = {"organization_id": "tenant", "team_id": "team", "user_id": "user"}


class LevelBody(TermsBody):
    """A body that says what one of a kind is, beside what it may: its name, its role, what it belongs to."""

    def parts(self, kind: Kind) -> dict[str, str]:
        """Id and what it belongs to, as they were sent."""
        names = {**_PARTS, OWN_IDS[kind]: "id"}
        found = {part: getattr(self, name, None) for name, part in names.items()}
        return {part: value for part, value in found.items() if value}

    def revise(self, grantee: Grantee, now_s: float) -> Grantee:
        """See `TermsBody.revise`."""
        revised = super().revise(grantee, now_s)
        return msgspec.structs.replace(
            revised, **{name: getattr(self, key) or "" for key, name in self._names(grantee.kind)}
        )

    def _names(self, kind: Kind) -> list[tuple[str, str]]:
        return [(key, name) for key, name in _REVISED[kind].items() if key in self.model_fields_set]


class RoleBody(LevelBody):
    """One that has a role."""

    def revise(self, grantee: Grantee, now_s: float) -> Grantee:
        """See `TermsBody.revise`."""
        role: Role | None = getattr(self, "role", None) or getattr(self, "user_role", None)
        revised = super().revise(grantee, now_s)
        return revised if role is None else msgspec.structs.replace(revised, role=role)


class KeyBody(RoleBody):
    """What a key is."""

    key_alias: Alias | None = None
    team_id: Id | None = None
    user_id: Id | None = None
    role: Role | None = Field(
        None, description="on the admin routes, at most the user's; keys without a user have none"
    )


class KeyGenerate(KeyBody):
    """A new key."""

    organization_id: Id | None = None


class KeyRef(Body):
    """Which key."""

    key: Secret | None = None
    key_id: Id | None = None

    @model_validator(mode="after")
    def _check_one(self) -> Self:
        if (self.key is None) == (self.key_id is None):
            raise ValueError("give key_id, or the key itself as key")
        return self


class KeyUpdate(KeyBody, KeyRef):
    """A change of a key."""


class KeyRegenerate(KeyRef):
    """A new secret for a key."""

    grace_s: float = Field(0, ge=0, le=30 * 86_400, description="for so long the secret before works too")


class KeyDelete(Body):
    """Keys to delete."""

    keys: Annotated[list[Secret], Field(max_length=1000)] = Field(default_factory=list)
    key_ids: Annotated[list[Id], Field(max_length=1000)] = Field(default_factory=list)


class TeamNew(LevelBody):
    """A new team."""

    team_id: Id | None = Field(None, description="made up if it isn't given")
    team_alias: Alias | None = None
    organization_id: Id | None = None


class TeamUpdate(LevelBody):
    """A change of a team."""

    team_id: Id
    team_alias: Alias | None = None


class TeamRef(Body):
    """Which team."""

    team_id: Id


class TeamDelete(Body):
    """Teams to delete, with their keys."""

    team_ids: Ids


class UserNew(RoleBody):
    """A new user."""

    user_id: Id | None = Field(None, description="made up if it isn't given")
    user_alias: Alias | None = None
    user_role: Role | None = Field(None, description="member if it isn't given")
    organization_id: Id | None = None
    team_id: Id | None = None


class UserUpdate(RoleBody):
    """A change of a user."""

    user_id: Id
    user_alias: Alias | None = None
    user_role: Role | None = None
    team_id: Id | None = None


class UserRef(Body):
    """Which user."""

    user_id: Id


class UserDelete(Body):
    """Users to delete, with their keys."""

    user_ids: Ids


class OrganizationNew(LevelBody):
    """A new organisation."""

    organization_id: Id | None = Field(None, description="made up if it isn't given")
    organization_alias: Alias | None = None


class OrganizationUpdate(LevelBody):
    """A change of an organisation."""

    organization_id: Id
    organization_alias: Alias | None = None


class OrganizationRef(Body):
    """Which organisation."""

    organization_id: Id


class OrganizationDelete(Body):
    """Organisations to delete, with their keys."""

    organization_ids: Ids


OWN_IDS = {Kind.ORGANIZATION: "organization_id", Kind.TEAM: "team_id", Kind.USER: "user_id", Kind.KEY: "key_id"}
_REVISED: dict[Kind, dict[str, str]] = {
    Kind.ORGANIZATION: {"organization_alias": "name"},
    Kind.TEAM: {"team_alias": "name"},
    Kind.USER: {"user_alias": "name", "team_id": "team"},
    Kind.KEY: {"key_alias": "name", "team_id": "team", "user_id": "user"},
}


def read_names(body: Any, singular: str) -> list[str]:
    """The ids of a body that names several. Raises BadRequest for none."""
    names: list[str] = getattr(body, f"{singular}s")
    if not names:
        raise BadRequest(f"{singular}s is empty", f"{singular}s")
    return names
