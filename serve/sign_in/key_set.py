"""An issuer's public keys, as far as they may be used here."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

MOST_BYTES = 256 * 1024
_MOST_KEYS = 100
_LEAST_RSA_BITS = 2048
_ALGORITHMS = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
"""By key type and curve. A key has one algorithm here, whatever a token's head says: that's what keeps a public key from being taken as a secret."""


class VerifyingKey(msgspec.Struct, frozen=True):
    """A public key, and the one algorithm that it's used with."""

    algorithm: str
    key: PyJWK


class KeySet:
    """The keys of one issuer by `kid`; immutable."""

    __slots__ = ("_keys", "_thumb")

    def __init__(self, keys: Mapping[str, VerifyingKey], thumb: bytes) -> None:
        """
        Args:
            thumb: the same for the same keys.
        """
        self._keys = keys
        self._thumb = thumb

    def __repr__(self) -> str:
        return f"KeySet({', '.join(self._keys)})"

    def __len__(self) -> int:
        return len(self._keys)

    def is_same(self, other: "KeySet | None") -> bool:
        """Whether both have the same keys."""
        return other is not None and other._thumb == self._thumb

    def find(self, kid: str | None) -> VerifyingKey | None:
        """The key that a token names; one that names none means the only one there is."""
        if kid is None and len(self._keys) == 1:
            return next(iter(self._keys.values()))
        return None if kid is None else self._keys.get(kid)


def parse_key_set(document: bytes, algorithms: Collection[str]) -> KeySet:
    """
    The usable keys of a JWKS document (RFC 7517): public ones for signatures, with one of `algorithms`, RSA from 2048 bits.

    Others are left out without a word: issuers also publish what's for other clients.

    Raises:
        ValueError: it isn't a JWKS, or it's too large.
    """
    if len(document) > MOST_BYTES:
        raise ValueError(f"a key set has at most {MOST_BYTES} bytes")
    try:
        listed = msgspec.json.decode(document, type=dict[str, Any]).get("keys")
    except msgspec.DecodeError as error:
        raise ValueError(f"not a JWKS document: {error}") from error
    if not isinstance(listed, list):
        raise ValueError("not a JWKS document: it has no list of keys")
    keys: dict[str, VerifyingKey] = {}
    for number, entry in enumerate(listed[:_MOST_KEYS]):
        key = _try_read(entry, algorithms) if isinstance(entry, dict) else None
        if key is not None:
            kid = entry.get("kid")
            keys.setdefault(kid if isinstance(kid, str) else f"(number {number})", key)
    return KeySet(keys, document)


def _try_read(entry: dict[str, Any], algorithms: Collection[str]) -> VerifyingKey | None:
    algorithm = _ALGORITHMS.get((str(entry.get("kty")), entry.get("crv") if entry.get("kty") != "RSA" else None))
    is_for_it = entry.get("use", "sig") == "sig" and entry.get("alg", algorithm) == algorithm
    if algorithm is None or algorithm not in algorithms or not is_for_it or "d" in entry:
        return None
    try:
        key = PyJWK(entry, algorithm)
    except (PyJWTError, ValueError, TypeError):
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _LEAST_RSA_BITS:
        return None
    return VerifyingKey(algorithm, key)
