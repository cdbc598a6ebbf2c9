"""Issuers of tokens that people and services may sign in with, instead of a key."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from turnout.models.access import Role
from turnout.serve.config.fields import AppName, ModelPattern, Seconds, Settings, expand_home
from turnout.serve.config.limits import LimitSettings
from turnout.serve.config.loopback import is_loopback
from turnout.serve.config.remote import BaseUrl

TENANT = "default"
Group = Annotated[str, Field(min_length=1, max_length=256)]
Text = Annotated[str, Field(min_length=1, max_length=1024)]


def _check_key_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise ValueError("keys that come in clear text can be anybody's: write https://")
    return url


KeyUrl = Annotated[BaseUrl, AfterValidator(_check_key_url)]
FilePath = Annotated[Path, AfterValidator(expand_home)]


class OidcSettings(Settings):
    """
    One issuer of JWTs.

    Attributes:
        name: stands in ledger and audit log, before the user's: `oidc:NAME:USER`.
        issuer: what a token's `iss` has to be, letter for letter.
        audience: what its `aud` has to be, or one of several.
        jwks_url: where the issuer's public keys are (`jwks_uri` of its discovery document); asked outside of requests.
        jwks_file: or a file with them, on every node that runs a router or Control.
        algorithms: of its signatures. Secrets that both sides know (HS256) and unsigned tokens are never taken.
        user_claim: which claim names the user. `sub` never changes hands; an e-mail address may.
        groups_claim: which claim lists the user's groups; a dot goes into an object, as in `realm_access.roles`.
        groups: only members of one of these may come in; everyone with a token for this audience unless said.
        roles: what members of a group may do on the admin routes: `admin`, `team_admin`, `member` or `viewer`; the highest counts, and who has none
            may do nothing there.
        teams: which team members of a group belong to; the first in the file's order counts.
        tenant: the organisation that pays.
        tier: of all its users.
        models: public models that its users may use; all unless said.
        limits: of each user.
        budgets: ids of the budgets that its users' spending counts against.
        leeway_s: how far the issuer's clock and ours may be apart.
        refresh_s: how often the keys are asked for again; a key that isn't known asks at once, once in 10 s at most.
    """

    name: AppName = "sso"
    issuer: Text
    audience: Text | Annotated[tuple[Text, ...], Field(min_length=1)]
    jwks_url: KeyUrl | None = None
    jwks_file: FilePath | None = None
    algorithms: Annotated[tuple[Literal["RS256", "ES256", "EdDSA"], ...], Field(min_length=1)] = (
        "RS256",
        "ES256",
        "EdDSA",
    )
    user_claim: Text = "sub"
    groups_claim: Text = "groups"
    groups: tuple[Group, ...] = ()
    roles: dict[Group, Literal["admin", "team_admin", "member", "viewer"]] = {}
    teams: dict[Group, AppName] = {}
    tenant: AppName = TENANT
    tier: AppName | None = None
    models: tuple[ModelPattern, ...] | None = None
    limits: LimitSettings = LimitSettings()
    budgets: tuple[Text, ...] = ()
    leeway_s: Annotated[float, Field(ge=0, le=300)] = 30.0
    refresh_s: Seconds = 300.0

    @model_validator(mode="after")
    def _check_one_source(self) -> Self:
        if (self.jwks_url is None) == (self.jwks_file is None):
            raise ValueError("an issuer has either jwks_url or jwks_file")
        return self

    @property
    def audiences(self) -> frozenset[str]:
        """`audience` as a set."""
        return frozenset((self.audience,) if isinstance(self.audience, str) else self.audience)

    def role_of(self, groups: frozenset[str]) -> Role | None:
        """The highest role of these groups."""
        found = {role for group, role in self.roles.items() if group in groups}
        return next((Role(name) for name in ("admin", "team_admin", "member", "viewer") if name in found), None)

    def team_of(self, groups: frozenset[str]) -> str:
        """The team of these groups, or ""."""
        return next((team for group, team in self.teams.items() if group in groups), "")
