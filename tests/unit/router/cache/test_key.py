"""Two requests have the same key exactly where the same answer does for both."""

import json
from dataclasses import replace

import msgspec
import pytest

from tests.caches import POLICY
from turnout.models.access import Principal
from turnout.models.openai.request import Operation, parse_request
from turnout.router.cache.key import make_key
from turnout.router.cache.policy import CachePolicy, Scope
from turnout.router.call import Arrival, Call
from turnout.router.catalogue import ModelRoute
from turnout.router.values import Constraints, Features

ASKED = {
    "model": "m",
    "messages": [{"role": "user", "content": "hé"}],
    "temperature": 0.5,
    "tools": [{"type": "function", "a": 1}],
}
ANN = Principal("acme", "k-1", user="ann")


def key(
    body: bytes | dict[str, object],
    principal: Principal = ANN,
    policy: CachePolicy = POLICY,
    constraints: Constraints = Constraints(False, 9.0),  # noqa: B008 (frozen)
    namespace: str = "",
) -> bytes:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = parse_request(Operation.CHAT, raw)
    arrival = Arrival("r", b"r", 0.0, 0)
    return make_key(
        Call(arrival, principal, request, constraints, Features(1, None), ModelRoute("m", ())), policy, namespace
    )


def test_order_blanks_and_escapes_make_no_difference() -> None:
    turned = {name: ASKED[name] for name in reversed(ASKED)}
    assert key(json.dumps(turned, indent=3).encode()) == key(ASKED)
    assert key(json.dumps(ASKED, ensure_ascii=False).encode()) == key(ASKED)


@pytest.mark.parametrize(
    "more",
    [
        {"stream": True},
        {"user": "x"},
        {"metadata": {"a": "b"}},
        {"timeout": 3},
        {"seed": None},
        {"cache": {"ttl": 3}},
        {"session_id": "s"},
    ],
)
def test_how_an_answer_is_delivered_makes_none(more: dict[str, object]) -> None:
    assert key({**ASKED, **more}) == key(ASKED)


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.4},
        {"seed": 7},
        {"n": 2},
        {"max_tokens": 9},
        {"tools": [{"type": "function", "a": 2}]},
        {"tools": [{"type": "function", "a": "1"}]},
        {"tools": [{"type": "function", "a": 2**70}]},
        {"response_format": {"type": "json_object"}},
        {"messages": [{"role": "system", "content": "hé"}]},
        {"messages": [{"role": "user", "content": "h\u00e9 "}]},
        {"some_future_field": 1},
    ],
)
def test_what_is_asked_does(more: dict[str, object]) -> None:
    assert key({**ASKED, **more}) != key(ASKED)


def test_numbers_of_many_digits_stay_different() -> None:
    one, other = ({**ASKED, "tools": [{"type": "function", "a": 2**70 + more}]} for more in (0, 1))
    assert key(one) != key(other)


def test_whose_it_is_and_what_may_answer_do() -> None:
    keys = {
        key(ASKED),
        key(ASKED, Principal("other", "k-1", user="ann")),
        key(ASKED, policy=replace(POLICY, revision="r2")),
        key(ASKED, namespace="n"),
        key(ASKED, constraints=Constraints(True, 9.0)),
        key(ASKED, constraints=Constraints(False, 9.0, regions=frozenset({"eu"}))),
    }
    assert len(keys) == 6
    assert key(ASKED, constraints=Constraints(False, 10.0)) == key(ASKED), "how long somebody waits says nothing"


def test_within_a_tenant_the_scope_says_who_shares() -> None:
    bob, anns_other = Principal("acme", "k-2", user="bob"), Principal("acme", "k-3", user="ann")
    assert key(ASKED, bob) == key(ASKED)
    by_user, by_key = replace(POLICY, scope=Scope.USER), replace(POLICY, scope=Scope.KEY)
    assert key(ASKED, anns_other, by_user) == key(ASKED, policy=by_user)
    assert key(ASKED, bob, by_user) != key(ASKED, policy=by_user)
    assert key(ASKED, anns_other, by_key) != key(ASKED, policy=by_key)
    nobodys = msgspec.structs.replace(ANN, user="")
    assert key(ASKED, nobodys, by_user) != key(ASKED, msgspec.structs.replace(nobodys, key_id="k-9"), by_user)
