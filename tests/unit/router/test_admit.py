"""What admit makes of a request's headers and of the models it names."""

import hashlib
import json

import pytest

from tests.fakes import head
from turnout.models.access import Principal
from turnout.models.errors import BadRequest, ModelNotFound
from turnout.models.openai.request import Operation
from turnout.models.target import Target
from turnout.router.admit import Admitted, admit
from turnout.router.call import Arrival
from turnout.router.catalogue import Catalogue, ModelRoute, Timeouts
from turnout.router.directory import Directory

TARGET = Target("t", "up", "openai_compatible")
VECTORS = frozenset({"embeddings"})
CATALOGUE = Catalogue(
    "v",
    {
        "a": ModelRoute("a", (TARGET,), timeouts=Timeouts(first_token_s=9, gap_s=3, total_s=30)),
        "b": ModelRoute("b", (TARGET,)),
        "vectors": ModelRoute("vectors", (TARGET,), operations=VECTORS),
        "secret": ModelRoute("secret", (TARGET,)),
    },
    {},
    keys={hashlib.blake2b(b"sk-1", digest_size=32).digest(): Principal("t", "k", frozenset({"a", "b", "vectors"}))},
)

ARRIVAL = Arrival("r", b"r", 100.0, 7_000_000_000)


def ask(fields: dict[str, object] | None = None, **headers: str) -> Admitted:
    body = {"model": "a", "messages": [{"role": "user", "content": "hi"}], **(fields or {})}
    sent = head(authorization="Bearer sk-1", **headers)
    return admit(Operation.CHAT, sent, json.dumps(body).encode(), CATALOGUE, Directory(), ARRIVAL)


def test_a_caller_that_says_nothing_has_the_models_times() -> None:
    constraints = ask().constraints
    assert (constraints.deadline_at, constraints.first_token_s, constraints.gap_s) == (130.0, None, None)


def test_total_first_token_and_gap_can_be_asked_for_by_header() -> None:
    constraints = ask(x_turnout_timeout_s="7", x_turnout_ttft_s="0.5", x_turnout_gap_s="2").constraints
    assert (constraints.deadline_at, constraints.first_token_s, constraints.gap_s) == (107.0, 0.5, 2.0)


def test_a_time_can_only_be_shortened() -> None:
    constraints = ask(x_turnout_timeout_s="99", x_turnout_ttft_s="99", x_turnout_gap_s="99").constraints
    assert (constraints.deadline_at, constraints.first_token_s, constraints.gap_s) == (130.0, None, None)


@pytest.mark.parametrize("name", ["x_turnout_timeout_s", "x_turnout_ttft_s", "x_turnout_gap_s"])
@pytest.mark.parametrize("value", ["soon", "0", "-1", "", "1e3", "inf"])
def test_a_time_that_makes_no_sense_is_refused_by_the_headers_name(name: str, value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ask(**{name: value})
    assert refused.value.param == name.replace("_", "-")


@pytest.mark.parametrize(
    ("body", "header", "counts"),
    [
        (None, None, 0),
        (7, None, 7),
        (7, "3", 3),
        (3, "7", 7),
        (-5, None, 0),
        (None, "-5", 0),
        (10_000, None, 100),
        (None, "101", 100),
    ],
)
def test_a_caller_may_stand_back_and_never_forward(body: int | None, header: str | None, counts: int) -> None:
    headers = {} if header is None else {"x_turnout_priority": header}
    assert ask({"priority": body}, **headers).request.priority == counts


@pytest.mark.parametrize("value", ["high", "1.5", "", "9999999999", "--1"])
def test_a_priority_that_makes_no_sense_is_refused_by_the_headers_name(value: str) -> None:
    with pytest.raises(BadRequest) as refused:
        ask(x_turnout_priority=value)
    assert refused.value.param == "x-turnout-priority"


def test_a_callers_fallbacks_are_passed_on_in_their_order() -> None:
    assert ask({"fallbacks": ["b"]}).request.fallbacks == ("b",)


def test_a_fallback_that_the_key_may_not_use_looks_like_one_that_does_not_exist() -> None:
    told = []
    for name in ("secret", "absent"):
        with pytest.raises(ModelNotFound) as refused:
            ask({"fallbacks": ["b", name]})
        told.append(refused.value.to_json().replace(name.encode(), b"NAME"))
    with pytest.raises(ModelNotFound) as refused:
        ask({"model": "secret"})
    told.append(refused.value.to_json().replace(b"secret", b"NAME"))
    assert len(set(told)) == 1


def test_a_fallback_that_serves_something_else_is_refused_by_name() -> None:
    with pytest.raises(BadRequest, match="'vectors' doesn't serve chat"):
        ask({"models": ["a", "vectors"]})
