"""Models whose public name ends in `*`: who they stand for, what is sent upstream, and what is counted as what."""

import hashlib
import json
from dataclasses import replace

import pytest

from tests.fakes import FakeUpstream, answers, endpoints, head, refuses
from tests.gateways import ANSWER, Rig
from turnout.models.access import Principal, common_names
from turnout.models.errors import ModelNotFound
from turnout.models.openai.request import Operation
from turnout.models.target import Target
from turnout.router.admit import Admitted, admit
from turnout.router.call import Arrival
from turnout.router.catalogue import Catalogue, ModelRoute, Retries
from turnout.router.directory import Directory

ANY = Target("any", "*", "openai_compatible")
FAST = Target("fast", "groq-*", "openai_compatible")
ONE = Target("one", "the-one", "openai_compatible")
ROUTES = (
    ModelRoute("*", (ONE,)),
    ModelRoute("openai/*", (ANY,), retries=Retries(max_attempts=2, same_target=0)),
    ModelRoute("openai/fast-*", (FAST,)),
    ModelRoute("openai/gpt-4o", (ONE,)),
)
CATALOGUE = Catalogue(
    "v",
    {route.name: route for route in ROUTES},
    {target.name: tuple(endpoints(f"{target.name}:443")) for target in (ANY, FAST, ONE)},
    is_open=True,
)


def body(model: str, **fields: object) -> bytes:
    return json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], **fields}).encode()


def admit_as(allowed: frozenset[str] | None, model: str) -> Admitted:
    digest = hashlib.blake2b(b"sk-1", digest_size=32).digest()
    catalogue = replace(CATALOGUE, keys={digest: Principal("t", "k", allowed)})
    arrival = Arrival("r", b"r", 100.0, 7_000_000_000)
    return admit(Operation.CHAT, head(authorization="Bearer sk-1"), body(model), catalogue, Directory(), arrival)


@pytest.mark.parametrize(
    ("model", "route", "wildcard"),
    [
        ("openai/gpt-4o", "openai/gpt-4o", ""),
        ("openai/gpt-4.1", "openai/*", "gpt-4.1"),
        ("openai/fast-8b", "openai/fast-*", "8b"),
        ("openai/org/name:free", "openai/*", "org/name:free"),
        ("mixtral", "*", "mixtral"),
        ("openai/", "*", "openai/"),
    ],
)
def test_the_name_itself_wins_and_then_the_longest_beginning(model: str, route: str, wildcard: str) -> None:
    admitted = admit_as(None, model)
    assert (admitted.route.name, admitted.request.wildcard) == (route, wildcard)


@pytest.mark.parametrize("model", ["openai/*", "*", "openai/a b", "openai/ü", 'openai/"', "openai/" + "x" * 130])
def test_a_name_that_no_model_could_have_is_nobodys(model: str) -> None:
    with pytest.raises(ModelNotFound):
        admit_as(None, model)


@pytest.mark.parametrize(
    ("allowed", "model", "may"),
    [
        ({"openai/*"}, "openai/gpt-4.1", True),
        ({"openai/*"}, "openai/gpt-4o", True),
        ({"openai/gpt-4.1"}, "openai/gpt-4.1", True),
        ({"openai/gpt-4.1"}, "openai/gpt-4.2", False),
        ({"openai/fast-*"}, "openai/gpt-4.1", False),
        ({"*"}, "mixtral", True),
        (set(), "mixtral", False),
    ],
)
def test_an_allow_list_names_models_or_their_beginnings(allowed: set[str], model: str, may: bool) -> None:
    if may:
        assert admit_as(frozenset(allowed), model).request.model == model
    else:
        with pytest.raises(ModelNotFound):
            admit_as(frozenset(allowed), model)


def test_of_two_allow_lists_the_narrower_of_each_pair_is_what_both_allow() -> None:
    assert common_names(frozenset({"openai/*", "b"}), frozenset({"openai/gpt-4o", "groq/*"})) == {"openai/gpt-4o"}
    assert common_names(frozenset({"*"}), frozenset({"openai/*", "b"})) == {"openai/*", "b"}
    assert common_names(frozenset({"openai/*"}), frozenset({"openai/*"})) == {"openai/*"}
    assert common_names(frozenset({"openai/a*"}), frozenset({"openai/b*"})) == frozenset()


async def test_what_stands_for_the_star_goes_upstream_and_into_the_ledger() -> None:
    rig = Rig(FakeUpstream(answers(ANSWER), answers(ANSWER), answers(ANSWER)), CATALOGUE)
    for model in ("openai/gpt-4.1", "openai/fast-8b", "mixtral"):
        assert (await rig.post(body(model))).status == 200
    sent = [json.loads(request.body)["model"] for _, request, *_ in rig.upstream.calls]
    assert sent == ["gpt-4.1", "groq-8b", "the-one"]
    assert [(row.model, row.target) for row in rig.sink.entries] == [
        ("openai/gpt-4.1", "any"),
        ("openai/fast-8b", "fast"),
        ("mixtral", "one"),
    ]


async def test_names_that_callers_make_up_are_no_names_of_lines_budgets_or_metrics() -> None:
    rig = Rig(FakeUpstream(*(answers(ANSWER) for _ in range(20))), CATALOGUE)
    for number in range(20):
        await rig.post(body(f"openai/made-up-{number}"))
    assert "made-up" not in repr(rig.slots.waiting())
    told = "".join(map(repr, rig.observer.collect()))
    assert "openai/*" in told
    assert "made-up" not in told


async def test_a_callers_fallback_may_be_one_of_many_and_is_sent_by_its_own_name() -> None:
    rig = Rig(FakeUpstream(refuses(500), answers(ANSWER)), CATALOGUE)
    out = await rig.post(body("openai/gpt-4.1", fallbacks=["openai/fast-8b"]))
    assert out.status == 200
    assert [json.loads(request.body)["model"] for _, request, *_ in rig.upstream.calls] == ["gpt-4.1", "groq-8b"]


async def test_a_callers_fallback_may_be_another_of_the_same_beginning() -> None:
    rig = Rig(FakeUpstream(refuses(500), answers(ANSWER)), CATALOGUE)
    out = await rig.post(body("openai/gpt-4.1", fallbacks=["openai/gpt-4.2"]))
    assert out.status == 200
    assert [json.loads(request.body)["model"] for _, request, *_ in rig.upstream.calls] == ["gpt-4.1", "gpt-4.2"]
