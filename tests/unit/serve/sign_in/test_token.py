"""Which tokens are valid, and what they say."""

import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from tests.unit.serve.sign_in.issuing import (
    ALL_KEYS,
    AUDIENCE,
    EC,
    EC_384,
    ED,
    NOW_S,
    RSA,
    SMALL_RSA,
    claims,
    handmade,
    jwk,
    jwks,
    settings,
    token,
)
from turnout.serve.sign_in.key_set import MOST_BYTES, parse_key_set
from turnout.serve.sign_in.token import Bearer, Unreadable, peek, read_bearer

ALGORITHMS = ("RS256", "ES256", "EdDSA")


def read(presented: bytes, document: bytes = ALL_KEYS, **more: Any) -> Bearer:
    chosen = settings(**more)
    header, _ = peek(presented)
    return read_bearer(presented, header, chosen, parse_key_set(document, chosen.algorithms), NOW_S)


@pytest.mark.parametrize(("key", "algorithm", "kid"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")])
def test_a_token_of_each_algorithm_is_read(key: Any, algorithm: str, kid: str) -> None:
    assert read(token(key, algorithm, kid)) == Bearer("ann", frozenset({"dev"}), NOW_S + 630)


def test_a_token_without_kid_means_the_only_key_there_is() -> None:
    assert read(token(kid=None), jwks(jwk(RSA, "rsa"))).user == "ann"
    with pytest.raises(Unreadable, match="no key"):
        read(token(kid=None))


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"iss": "https://login.example/other"}, "another issuer"),
        ({"iss": "https://login.example/realm/"}, "another issuer"),
        ({"aud": "other"}, "another audience"),
        ({"aud": ["other", 7]}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"aud": {"turnout": 1}}, "another audience"),
        ({"exp": None}, "no exp"),
        ({"exp": NOW_S - 30}, "expired"),
        ({"exp": str(NOW_S + 600)}, "exp is no time"),
        ({"exp": True}, "exp is no time"),
        ({"exp": float("inf")}, "JSON is malformed"),
        ({"exp": float("nan")}, "JSON is malformed"),
        ({"nbf": NOW_S + 31}, "nbf lies ahead"),
        ({"iat": NOW_S + 31}, "iat lies ahead"),
        ({"sub": None}, "no sub"),
        ({"sub": ""}, "no sub"),
        ({"sub": 7}, "no sub"),
    ],
)
def test_claims_that_are_wrong_refuse_a_token_with_a_good_signature(more: dict[str, Any], why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read(signed(claims(**more)))


def signed(payload: dict[str, Any]) -> bytes:
    """Signed by hand, since a library refuses some of these."""
    return jwt.api_jws.encode(json.dumps(payload).encode(), RSA, "RS256", headers={"kid": "rsa"}).encode()


def test_clocks_may_be_a_little_apart_and_no_more() -> None:
    assert read(token(exp=NOW_S - 29, nbf=NOW_S + 29, iat=NOW_S + 29)).user == "ann"
    with pytest.raises(Unreadable, match="expired"):
        read(token(exp=NOW_S - 1), leeway_s=0)


def test_one_of_several_audiences_is_enough() -> None:
    assert read(token(aud=["x", AUDIENCE])).user == "ann"
    assert read(token(aud="b"), audience=["a", "b"]).user == "ann"


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
def test_an_unsigned_token_is_never_valid(alg: str) -> None:
    with pytest.raises(Unreadable):
        read(handmade({"alg": alg, "kid": "rsa", "typ": "JWT"}, claims()))


def test_a_public_key_is_never_taken_as_a_secret() -> None:
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, json.dumps(jwk(RSA, "rsa")).encode(), b""):
        unsigned = handmade({"alg": "HS256", "kid": "rsa", "typ": "JWT"}, claims()).rpartition(b".")[0]
        forged = handmade(
            {"alg": "HS256", "kid": "rsa", "typ": "JWT"}, claims(), hmac.digest(secret, unsigned, hashlib.sha256)
        )
        with pytest.raises(Unreadable):
            read(forged)


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"),
    [(EC, "ES256", "rsa"), (RSA, "RS512", "rsa"), (RSA, "PS256", "rsa"), (ED, "EdDSA", "ec"), (RSA, "RS256", "ec")],
)
def test_a_key_verifies_by_its_own_algorithm_only(key: Any, algorithm: str, kid: str) -> None:
    with pytest.raises(Unreadable):
        read(token(key, algorithm, kid))


def test_an_algorithm_that_the_settings_leave_out_is_refused() -> None:
    with pytest.raises(Unreadable, match="no key"):
        read(token(EC, "ES256", "ec"), algorithms=["RS256"])


@pytest.mark.parametrize("part", [0, 1, 2])
def test_changing_any_part_of_a_token_breaks_it(part: int) -> None:
    parts = token().split(b".")
    middle = len(parts[part]) // 2
    flipped = b"A" if parts[part][middle : middle + 1] != b"A" else b"B"
    parts[part] = parts[part][:middle] + flipped + parts[part][middle + 1 :]
    with pytest.raises(Unreadable):
        read(b".".join(parts))


@pytest.mark.parametrize(
    "head", [{"crit": ["b64"], "b64": False}, {"crit": []}, {"typ": "logout+jwt"}, {"typ": "secevent+jwt"}]
)
def test_what_is_signed_for_something_else_is_refused(head: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read(handmade({"alg": "RS256", "kid": "rsa", **head}, claims()))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "at+jwt", "application/at+jwt"])
def test_types_of_access_tokens_are_taken(typ: str) -> None:
    assert read(token(head={"typ": typ})).user == "ann"


@pytest.mark.parametrize(
    "junk",
    [b"..", b"a.b.c", b"eyJ.eyJ.eyJ", b"e30.W10.x", b"\xff.\xff.\xff", b"e30.e30.e30", b"W10.e30.", b"bnVsbA.e30."],
)
def test_junk_is_refused_and_breaks_nothing(junk: bytes) -> None:
    with pytest.raises(Unreadable):
        read(junk)


def test_users_and_groups_are_found_where_the_settings_say() -> None:
    presented = token(email="ann@example.org", realm_access={"roles": ["a", 7, "b"]})
    bearer = read(presented, user_claim="email", groups_claim="realm_access.roles")
    assert (bearer.user, bearer.groups) == ("ann@example.org", {"a", "b"})
    assert read(token(scope="read write"), groups_claim="scope").groups == {"read", "write"}


def test_an_address_that_is_not_verified_names_nobody() -> None:
    with pytest.raises(Unreadable, match="isn't verified"):
        read(token(email="ceo@example.org", email_verified=False), user_claim="email")


@pytest.mark.parametrize("sub", ["a\nb", "a b", "\u00e4", "x" * 200, "-a", 'a"b'])
def test_a_name_that_could_break_a_log_line_is_replaced_by_its_hash(sub: str) -> None:
    user = read(token(sub=sub)).user
    assert user.startswith("sub-")
    assert len(user) == 36
    assert user == read(token(sub=sub, jti="2")).user


def test_where_groups_are_asked_for_others_stay_out() -> None:
    assert read(token(), groups=["dev"]).user == "ann"
    with pytest.raises(Unreadable, match="in none of the groups"):
        read(token(), groups=["ops"])
    with pytest.raises(Unreadable, match="in none of the groups"):
        read(token(groups=None), groups=["ops"])


@pytest.mark.parametrize(
    "entry",
    [
        jwk(SMALL_RSA, "k"),
        jwk(EC_384, "k"),
        jwk(RSA, "k", use="enc"),
        jwk(RSA, "k", alg="RS512"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "k"},
        {"kty": "RSA", "kid": "k"},
        {"kty": "RSA", "n": 7, "e": [], "kid": "k"},
        {"kid": "k"},
        "text",
    ],
)
def test_keys_that_are_weak_secret_broken_or_for_something_else_are_left_out(entry: Any) -> None:
    assert len(parse_key_set(jwks(entry, jwk(EC, "good")), ALGORITHMS)) == 1


@pytest.mark.parametrize("document", [b"", b"[]", b"{}", b'{"keys": {}}', b"<html>", b" " * (MOST_BYTES + 1)])
def test_what_is_no_key_set_is_an_error(document: bytes) -> None:
    with pytest.raises(ValueError, match=r"key set|JWKS"):
        parse_key_set(document, ALGORITHMS)
