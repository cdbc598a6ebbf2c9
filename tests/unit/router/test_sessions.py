"""A token is verified once, and what it said is forgotten when it should be."""

import pytest

from turnout.models.access import Principal
from turnout.router.sessions import Sessions, looks_like_jwt

TOKEN = b"eyJh.eyJp.c2ln"
ANN = Principal("t", "oidc:sso:ann")


class Verifier:
    def __init__(self, answer: Principal | None) -> None:
        self.answer = answer
        self.calls = 0

    def __call__(self, token: bytes) -> Principal | None:
        self.calls += 1
        return self.answer


def test_a_token_is_verified_once() -> None:
    verify = Verifier(ANN)
    sessions = Sessions(verify)
    assert [sessions.find(b"d", TOKEN) for _ in range(3)] == [ANN] * 3
    assert verify.calls == 1
    sessions.clear()
    sessions.find(b"d", TOKEN)
    assert verify.calls == 2


def test_what_is_verified_while_keys_change_is_not_remembered() -> None:
    sessions = Sessions(None)

    def verify(token: bytes) -> Principal:
        sessions.clear()
        return ANN

    sessions._verify = verify
    assert sessions.find(b"d", TOKEN) == ANN
    assert repr(sessions) == "<Sessions 0>"


def test_only_the_newest_are_remembered() -> None:
    verify = Verifier(ANN)
    sessions = Sessions(verify)
    for number in range(10_001):
        sessions.find(b"%d" % number, TOKEN)
    assert repr(sessions) == "<Sessions 10000>"
    sessions.find(b"0", TOKEN)
    assert verify.calls == 10_002


@pytest.mark.parametrize("token", [b"", b"sk-tn-abc", b"eyJ.a", b"eyJ" + b"a" * 20_000 + b".b.c", b"a.b.c"])
def test_what_cannot_be_a_token_is_not_even_looked_at(token: bytes) -> None:
    verify = Verifier(ANN)
    assert Sessions(verify).find(b"d", token) is None
    assert verify.calls == 0
    assert not looks_like_jwt(token)


def test_where_nobody_can_sign_in_nobody_is_found() -> None:
    assert Sessions().find(b"d", TOKEN) is None
