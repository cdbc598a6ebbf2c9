"""Models that leave it open who answers, through the whole line."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes import FakeOut, FakeUpstream, answers, endpoints, fails
from tests.gateways import ANSWER, CHAT, Rig
from turnout.models.target import Target
from turnout.models.upstream import Failure
from turnout.router.catalogue import Catalogue, Fallbacks, ModelRoute
from turnout.router.choose.terms import Auto, Rule, Rules, When

ALWAYS = When()
BATCH = When(headers={"x-app": ("batch",)})


def target(name: str, **settings: object) -> Target:
    return Target(name, f"up-{name}", "openai_compatible", **settings)  # type: ignore[arg-type]


def route(name: str, *rules: Rule, **settings: object) -> ModelRoute:
    """A model with one target of its own name, and these rules."""
    choices = (Rules(rules),) if rules else ()
    return ModelRoute(name, (target(f"{name}-1"),), choices=choices, **settings)  # type: ignore[arg-type]


def rig(*routes: ModelRoute, upstream: FakeUpstream | None = None) -> Rig:
    fixed = {each.name: tuple(endpoints(f"{each.name}:443")) for model in routes for each in model.targets}
    config = Catalogue("v1", {model.name: model for model in routes}, fixed, is_open=True)
    return Rig(upstream or FakeUpstream(answers(ANSWER)), config, pools={})


def told(out: FakeOut) -> tuple[int, bytes, bytes]:
    return out.status, out.headers.get(b"x-turnout-target", b""), out.headers.get(b"x-turnout-route-reason", b"")


async def test_a_rule_that_fits_has_another_model_answer_and_the_head_says_which() -> None:
    line = rig(route("m", Rule(BATCH, "cheap")), route("cheap"))
    assert told(await line.post(x_app="batch")) == (200, b"cheap-1", b"rule_1")
    assert told(await line.post(x_app="chat")) == (200, b"m-1", b"only")


async def test_the_ledger_keeps_the_name_asked_for_and_the_target_that_answered() -> None:
    line = rig(route("m", Rule(ALWAYS, "cheap")), route("cheap"))
    await line.post()
    (row,) = line.sink.entries
    assert (row.model, row.target) == ("m", "cheap-1")


async def test_the_first_rule_that_fits_wins() -> None:
    line = rig(route("m", Rule(BATCH, "a"), Rule(ALWAYS, "b")), route("a"), route("b"))
    assert told(await line.post(x_app="batch")) == (200, b"a-1", b"rule_1")
    assert told(await line.post()) == (200, b"b-1", b"rule_2")


async def test_a_chosen_model_may_leave_it_open_itself() -> None:
    line = rig(route("m", Rule(ALWAYS, "a")), route("a", Rule(ALWAYS, "b")), route("b"))
    assert told(await line.post()) == (200, b"b-1", b"rule_1+rule_1")


async def test_models_that_name_each_other_do_not_go_round() -> None:
    line = rig(route("m", Rule(ALWAYS, "a")), route("a", Rule(ALWAYS, "m")))
    assert (await line.post()).status == 200


async def test_when_the_chosen_model_fails_the_one_asked_for_answers_and_then_its_fallbacks() -> None:
    upstream = FakeUpstream(fails(Failure.CONNECT), answers(ANSWER))
    line = rig(route("m", Rule(ALWAYS, "cheap")), route("cheap"), upstream=upstream)
    out = await line.post()
    assert told(out) == (200, b"m-1", b"fallback_never_sent")
    assert line.sink.entries[0].target == "cheap-1"


async def test_a_chosen_model_that_has_no_place_is_passed_over() -> None:
    line = rig(
        route("m", Rule(ALWAYS, "gone"), fallbacks=Fallbacks(any_error=("other",))), route("gone"), route("other")
    )
    line.fleet.set_catalogue(replace(line.config, drained=frozenset({"gone-1"})))
    assert told(await line.post()) == (200, b"m-1", b"fallback_unavailable")
    line.fleet.set_catalogue(replace(line.config, drained=frozenset({"gone-1", "m-1"})))
    assert told(await line.post()) == (200, b"other-1", b"fallback_unavailable")


@pytest.mark.parametrize("body", [CHAT, CHAT[:-1] + b',"fallbacks":["m"]}'])
async def test_what_must_hold_holds_for_the_chosen_model_too(body: bytes) -> None:
    line = rig(route("m", Rule(ALWAYS, "cheap")), route("cheap"))
    out = await line.post(body, x_turnout_residency="local")
    assert out.status == 400
    assert not line.upstream.calls
    assert b"not_local" in out.body


async def test_a_model_without_choices_is_never_asked() -> None:
    line = rig(route("m"))
    assert told(await line.post()) == (200, b"m-1", b"only")
    assert repr(line.chooser) == "<Chooser >"


@st.composite
def crossings(draw: st.DrawFn) -> tuple[ModelRoute, ...]:
    """Five models, each with a target here or far away, which send requests to each other by rules or auto in any way; `m` is the first."""
    names = ("m", "a", "b", "c", "d")
    made: list[ModelRoute] = []
    for name in names:
        place = Target(
            f"{name}-1", "x", "openai_compatible", is_local=draw(st.booleans()), keeps_prompts=draw(st.booleans())
        )
        others = [other for other in names if other != name]
        uses = draw(st.lists(st.sampled_from(others), max_size=2, unique=True))
        fallbacks = Fallbacks(any_error=tuple(draw(st.lists(st.sampled_from(others), max_size=2, unique=True))))
        if len(uses) == 2 and draw(st.booleans()):
            made.append(
                ModelRoute(
                    name, (), choices=(Auto(tuple(uses), min_quality=draw(st.floats(0, 1))),), fallbacks=fallbacks
                )
            )
            continue
        rules = (Rules(tuple(Rule(draw(st.sampled_from([ALWAYS, BATCH])), use) for use in uses)),) if uses else ()
        made.append(ModelRoute(name, (place,), choices=rules, fallbacks=fallbacks))
    return tuple(made)


@settings(max_examples=300, deadline=None)
@given(crossings(), st.sampled_from(["local", "no-retention", ""]), st.booleans(), st.integers(0, 3))
async def test_however_models_send_requests_to_each_other_none_goes_where_it_may_not(
    routes: tuple[ModelRoute, ...], residency: str, is_batch: bool, failures: int
) -> None:
    line = rig(*routes, upstream=FakeUpstream(*[fails(Failure.CONNECT)] * failures, answers(ANSWER)))
    headers = {"x_app": "batch"} if is_batch else {}
    if residency:
        headers["x_turnout_residency"] = residency
    out = await line.post(**headers)
    allowed = {
        place.name
        for each in routes
        for place in each.targets
        if not (residency == "local" and not place.is_local)
        and not (residency == "no-retention" and place.keeps_prompts)
    }
    reached = {row.target for row in line.sink.entries}
    assert reached <= allowed
    assert len(line.upstream.calls) == len(line.sink.entries), "nothing is sent that isn't booked"
    first = routes[0].targets[0].name if routes[0].targets else ""
    if first in allowed and not failures:
        assert out.status == 200, "a model that may answer itself always does in the end"
    assert {row.model for row in line.sink.entries} <= {"m"}
