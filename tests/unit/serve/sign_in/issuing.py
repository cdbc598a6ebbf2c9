"""An issuer of tokens, for tests: its keys, its JWKS document, and tokens of every shape."""

import base64
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from turnout.serve.config.oidc import OidcSettings

NOW_S = 1_800_000_000.0
ISSUER = "https://login.example/realm"
AUDIENCE = "turnout"
RSA: RSAPrivateKey = rsa.generate_private_key(65537, 2048)
SMALL_RSA = rsa.generate_private_key(65537, 1024)
EC = ec.generate_private_key(ec.SECP256R1())
EC_384 = ec.generate_private_key(ec.SECP384R1())
ED = ed25519.Ed25519PrivateKey.generate()


def jwk(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """The public half as a JWK."""
    if isinstance(key, RSAPrivateKey):
        text = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())
    elif isinstance(key, ec.EllipticCurvePrivateKey):
        text = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())
    else:
        text = jwt.algorithms.OKPAlgorithm.to_jwk(key.public_key())
    return {**json.loads(text), "kid": kid, **more}


def jwks(*keys: dict[str, Any]) -> bytes:
    """A JWKS document."""
    return json.dumps({"keys": keys}).encode()


ALL_KEYS = jwks(jwk(RSA, "rsa"), jwk(EC, "ec"), jwk(ED, "ed"))


def claims(**more: Any) -> dict[str, Any]:
    """Good claims; None takes one out."""
    made = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "exp": NOW_S + 600, "iat": NOW_S, "groups": ["dev"], **more}
    return {name: value for name, value in made.items() if value is not None}


def token(key: Any = RSA, algorithm: str = "RS256", kid: str | None = "rsa", head: Any = None, **more: Any) -> bytes:
    """A signed token."""
    headers = {**({"kid": kid} if kid else {}), **(head or {})}
    return jwt.encode(claims(**more), key, algorithm, headers=headers).encode()


def handmade(head: dict[str, Any], payload: dict[str, Any], signature: bytes = b"") -> bytes:
    """A token that no library would make."""
    return b".".join(
        base64.urlsafe_b64encode(part).rstrip(b"=")
        for part in (json.dumps(head).encode(), json.dumps(payload).encode(), signature)
    )


def settings(**more: Any) -> OidcSettings:
    """One issuer's."""
    return OidcSettings.model_validate(
        {"issuer": ISSUER, "audience": AUDIENCE, "jwks_url": "https://login.example/keys", **more}
    )
