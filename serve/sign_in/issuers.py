"""Keeps the issuers' keys fresh, outside of requests, and says whose tokens are."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from turnout.models.access import Actor, Principal
from turnout.router.sessions import Sessions, looks_like_jwt
from turnout.serve.config.oidc import TENANT, OidcSettings
from turnout.serve.sign_in.fetch import fetch_key_set
from turnout.serve.sign_in.key_set import KeySet, parse_key_set
from turnout.serve.sign_in.token import Bearer, Unreadable, peek, read_bearer

ASK_AGAIN_S = 10.0
"""Between two questions to one issuer, however many tokens name a key that isn't known or however often it fails."""

Fetch = Callable[[OidcSettings], Awaitable[bytes]]
_log = logging.getLogger("turnout.sign_in")


@dataclass(slots=True, eq=False)
class _Issuer:
    settings: OidcSettings
    keys: KeySet | None = None
    asked_at: float | None = None
    is_wanted: bool = True

    def due_at(self) -> float:
        if self.asked_at is None:
            return 0.0
        return self.asked_at + (ASK_AGAIN_S if self.is_wanted else self.settings.refresh_s)


class Issuers:
    """
    Owner of the keys of all issuers in force; `run` has to run for them to come.

    Attributes:
        sessions: what tokens said, for the router's hot path.
    """

    def __init__(self, wall_s: Callable[[], float], fetch: Fetch = fetch_key_set) -> None:
        """
        Make it on the loop that `run` will run on.

        Args:
            wall_s: unix time.
            fetch: gets a JWKS document.
        """
        self._wall_s = wall_s
        self._fetch = fetch
        self._loop = asyncio.get_running_loop()
        self._wakes = asyncio.Event()
        self._issuers: tuple[_Issuer, ...] = ()
        self.sessions = Sessions(self.find_principal)

    def __repr__(self) -> str:
        return f"Issuers({', '.join(f'{each.settings.name}: {len(each.keys or ())} keys' for each in self._issuers)})"

    def set(self, settings: tuple[OidcSettings, ...]) -> None:
        """Take other settings; keys of issuers that stay as they were stay too."""
        if tuple(each.settings for each in self._issuers) == settings:
            return
        before = self._issuers
        self._issuers = tuple(
            next((old for old in before if old.settings == each), None) or _Issuer(each) for each in settings
        )
        self.sessions.clear()
        self._wakes.set()

    def find_principal(self, token: bytes) -> Principal | None:
        """Whose token this is on the route, or None; any thread."""
        found = self._find(token)
        return to_principal(*found) if found else None

    def find_actor(self, token: str) -> Actor | None:
        """Whose token this is on the admin routes, or None; also for somebody who has no role."""
        found = self._find(token.encode()) if looks_like_jwt(token.encode()) else None
        return to_actor(*found) if found else None

    async def run(self) -> None:
        """Ask for keys whenever they are due, until it's cancelled; what can't be had leaves the keys before."""
        while True:
            now = self._loop.time()
            await asyncio.gather(*(self._refresh(issuer) for issuer in self._issuers if issuer.due_at() <= now))
            due_at = min((each.due_at() for each in self._issuers), default=None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due_at):
                    await self._wakes.wait()
            self._wakes.clear()

    async def _refresh(self, issuer: _Issuer) -> None:
        issuer.asked_at, issuer.is_wanted = self._loop.time(), False
        try:
            keys = parse_key_set(await self._fetch(issuer.settings), issuer.settings.algorithms)
        except (OSError, httpx.HTTPError, httpx.InvalidURL, TimeoutError, ValueError) as error:
            issuer.is_wanted = True
            _log.warning("no keys issuer=%s error=%s", issuer.settings.name, type(error).__name__)
            return
        if not keys.is_same(issuer.keys):
            issuer.keys = keys
            self.sessions.clear()
            _log.info("keys issuer=%s count=%d", issuer.settings.name, len(keys))

    def _find(self, token: bytes) -> tuple[OidcSettings, Bearer] | None:
        try:
            header, name = peek(token)
        except Unreadable as error:
            _log.debug("token refused: %s", error)
            return None
        for issuer in self._issuers:
            if issuer.settings.issuer == name and issuer.keys is not None:
                if issuer.keys.find(header.kid) is None:
                    self._want(issuer)
                    continue
                try:
                    bearer = read_bearer(token, header, issuer.settings, issuer.keys, self._wall_s())
                except Unreadable as error:
                    _log.debug("token refused issuer=%s: %s", issuer.settings.name, error)
                    continue
                return issuer.settings, bearer
        return None

    def _want(self, issuer: _Issuer) -> None:
        """A key isn't known: the issuer may have new ones."""
        if not issuer.is_wanted:
            issuer.is_wanted = True
            self._loop.call_soon_threadsafe(self._wakes.set)


def to_principal(settings: OidcSettings, bearer: Bearer) -> Principal:
    """Who a valid token's bearer is on the route."""
    key_id = f"oidc:{settings.name}:{bearer.user}"
    return Principal(
        settings.tenant,
        key_id,
        allowed_models=None if settings.models is None else frozenset(settings.models),
        team=settings.team_of(bearer.groups),
        user=bearer.user,
        tier=settings.tier or "",
        expires_at_s=bearer.expires_at_s,
        limits=settings.limits.to_limits(f"user:{key_id}"),
        budgets=settings.budgets,
    )


def to_actor(settings: OidcSettings, bearer: Bearer) -> Actor | None:
    """Who a valid token's bearer is on the admin routes; None without a role."""
    role = settings.role_of(bearer.groups)
    if role is None:
        return None
    tenant = "" if settings.tenant == TENANT else settings.tenant
    return Actor(f"oidc:{settings.name}:{bearer.user}", role, tenant, settings.team_of(bearer.groups), user=bearer.user)
