"""Reads a JWT and decides whether it's valid for an issuer's settings; pure, given keys and the time."""

import base64
import binascii
import hashlib
import math
import re
from typing import Any

import jwt
import msgspec
from jwt.exceptions import PyJWTError

from turnout.serve.config.oidc import OidcSettings
from turnout.serve.sign_in.key_set import KeySet

_TYPES = frozenset((None, "JWT", "at+jwt", "application/at+jwt"))
"""What a token's `typ` may be, in any case: logout tokens and the like are signed with the same keys."""
_USER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+|:-]{0,127}")


class Unreadable(Exception):
    """It's no token that could be checked, or it isn't valid; the text is for logs, and callers never see it."""


class Header(msgspec.Struct, frozen=True):
    """The part of a token that isn't to be believed yet, but says how to check the rest."""

    kid: str | None = None
    typ: str | None = None
    crit: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Bearer(msgspec.Struct, frozen=True):
    """
    What a valid token says.

    Attributes:
        user: fit for logs, labels and the ledger.
        groups: as the issuer names them.
        expires_at_s: unix time, with the leeway.
    """

    user: str
    groups: frozenset[str]
    expires_at_s: float


def peek(token: bytes) -> tuple[Header, str]:
    """
    A token's head, and the issuer that it says it's from.

    Raises:
        Unreadable: it's no JWT, or needs something that we don't know.
    """
    head, payload, _ = token.split(b".")
    header = _decode(head, Header)
    if header.crit is not msgspec.UNSET:
        raise Unreadable("it has a critical extension")
    if (header.typ.lower() if header.typ else None) not in {kind and kind.lower() for kind in _TYPES}:
        raise Unreadable(f"its type is {header.typ!r}")
    return header, _decode(payload, _Issued).iss


def read_bearer(token: bytes, header: Header, settings: OidcSettings, keys: KeySet, now_s: float) -> Bearer:
    """
    Check signature and claims.

    Raises:
        Unreadable: it isn't valid here and now.
    """
    key = keys.find(header.kid)
    if key is None:
        raise Unreadable(f"no key {header.kid!r}")
    try:
        # Claims are checked below, by our own clock.
        claims = jwt.decode(token.decode("ascii"), key.key, algorithms=[key.algorithm], options=_SIGNATURE_ONLY)
    except (PyJWTError, ValueError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}") from error
    return check_claims(claims, settings, now_s)


def check_claims(claims: dict[str, Any], settings: OidcSettings, now_s: float) -> Bearer:
    """
    What the claims of a token with a good signature say.

    Raises:
        Unreadable: it's for somebody else, over, or not begun, or names nobody.
    """
    if claims.get("iss") != settings.issuer:
        raise Unreadable("another issuer")
    audience = claims.get("aud")
    named = {audience} if isinstance(audience, str) else {each for each in _items(audience) if isinstance(each, str)}
    if not named & settings.audiences:
        raise Unreadable("another audience")
    expires_at_s = _time(claims, "exp")
    if expires_at_s is None:
        raise Unreadable("no exp")
    if now_s >= expires_at_s + settings.leeway_s:
        raise Unreadable("expired")
    for name in ("nbf", "iat"):
        if (_time(claims, name) or 0.0) > now_s + settings.leeway_s:
            raise Unreadable(f"{name} lies ahead")
    groups = frozenset(each for each in _items(_at(claims, settings.groups_claim)) if isinstance(each, str))
    if settings.groups and groups.isdisjoint(settings.groups):
        raise Unreadable("in none of the groups")
    return Bearer(_user(claims, settings), groups, expires_at_s + settings.leeway_s)


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "require": [],
    **dict.fromkeys(
        ("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss", "verify_sub", "verify_jti"), False
    ),
}


class _Issued(msgspec.Struct, frozen=True):
    iss: str


def _decode(part: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)), type=kind)
    except (msgspec.DecodeError, binascii.Error, ValueError) as error:
        raise Unreadable(f"no {kind.__name__.strip('_').lower()}: {error}") from error


def _time(claims: dict[str, Any], name: str) -> float | None:
    """A numeric date, or None where there's none; anything else is no token."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Unreadable(f"{name} is no time")
    return float(value)


def _user(claims: dict[str, Any], settings: OidcSettings) -> str:
    user = _at(claims, settings.user_claim)
    if not isinstance(user, str) or not user:
        raise Unreadable(f"no {settings.user_claim}")
    if settings.user_claim == "email" and claims.get("email_verified") is False:
        raise Unreadable("the e-mail address isn't verified")
    return user if _USER.fullmatch(user) else f"sub-{hashlib.blake2b(user.encode(), digest_size=16).hexdigest()}"


def _at(claims: dict[str, Any], path: str) -> object:
    """The claim of this name, or of a path with dots into objects."""
    if path in claims:
        return claims[path]
    found: object = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _items(value: object) -> list[Any]:
    """A list's items; a text is its words, as in `scope`."""
    return value if isinstance(value, list) else value.split() if isinstance(value, str) else []
