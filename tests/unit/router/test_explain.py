"""Every request can be explained afterwards: who might have answered, why not, how good each looked, and what came of it."""

import dataclasses
import gc
import random

from tests.fakes import FakeUpstream, answers, fails, refuses, streams
from tests.gateways import ANSWER, LOCAL, REMOTE, STREAM, Rig, catalogue
from turnout.models.decision import Considered, Happened
from turnout.models.target import Target
from turnout.models.upstream import Failure
from turnout.router.call import Call
from turnout.router.catalogue import Fallbacks, ModelRoute, Routing
from turnout.router.explain import TROUBLED_A_SECOND, Explanations

CHUNK = b'data: {"choices":[{"delta":{"content":"yes"}}]}\n\n'
END = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'


def two_places(**route: object) -> Rig:
    return Rig(FakeUpstream(answers(ANSWER)), catalogue(LOCAL, REMOTE, **route))


async def test_a_choice_is_told_with_everybody_that_it_was_made_from() -> None:
    rig = two_places(routing=Routing((("cost", 1.0),)))
    await rig.post()
    (told,) = rig.explanations.find("req-1")
    assert (told.request_id, told.attempt, told.tenant, told.model, told.answering) == (
        "req-1",
        1,
        "anonymous",
        "m",
        "m",
    )
    assert (told.strategy, told.reason, told.target) == ("cost", "cost", "remote")
    local, remote = told.considered
    assert local == Considered("local", "a", "", 0.0, 0, None)
    assert (remote.score, remote.in_flight, remote.excluded) == (1.0, 0, "")
    assert remote.price_nusd == (told.prompt_tokens * 2_000_000 + 256 * 8_000_000) // 1000
    assert told.happened == Happened(200, "", "", None, 0, 21, 50, 0, 442_000)
    assert told.happened.is_whole


async def test_who_may_not_answer_is_told_with_the_reason() -> None:
    rig = two_places()
    await rig.post(x_turnout_residency="local")
    (told,) = rig.explanations.find("req-1")
    assert (told.target, told.reason) == ("local", "only")
    assert [(each.target, each.excluded) for each in told.considered] == [("local", ""), ("remote", "not_local")]


async def test_who_rested_then_is_told_so_though_it_is_well_again() -> None:
    rig = two_places()
    rested = rig.fleet.candidates("m")[0]
    rested.rest(rig.clock.now() + 5)
    await rig.post()
    rig.clock.advance(60)
    (told,) = rig.explanations.find("req-1")
    assert (told.target, told.reason) == ("remote", "only_healthy")
    assert {each.target: each.excluded for each in told.considered} == {"local": "rate_limited", "remote": ""}


async def test_every_attempt_is_told_and_what_failed_before_is_tried() -> None:
    rig = Rig(FakeUpstream(fails(Failure.CONNECT), answers(ANSWER)), catalogue(LOCAL, REMOTE))
    await rig.post()
    first, second = rig.explanations.find("req-1")
    assert (first.attempt, first.happened and first.happened.cause) == (1, "never_sent")
    assert first.happened is not None
    assert not first.happened.is_whole
    assert second.attempt == 2
    assert {each.target: each.excluded for each in second.considered} == {first.target: "tried", second.target: ""}


async def test_a_fallback_names_the_model_that_answers_and_why() -> None:
    other = Target("other", "x", "openai_compatible")
    routes = {
        "m": ModelRoute("m", (REMOTE,), fallbacks=Fallbacks(any_error=("spare",))),
        "spare": ModelRoute("spare", (other,)),
    }
    rig = Rig(
        FakeUpstream(*[refuses(500)] * 3, answers(ANSWER)), dataclasses.replace(catalogue(REMOTE, other), models=routes)
    )
    await rig.post()
    *_, last = rig.explanations.find("req-1")
    assert (last.model, last.answering, last.target) == ("m", "spare", "other")
    assert last.reason.startswith("fallback_")


async def test_a_stream_tells_when_its_first_content_came() -> None:
    rig = Rig(FakeUpstream(streams(CHUNK, END)))
    await rig.post(STREAM)
    (told,) = rig.explanations.find("req-1")
    assert told.is_stream
    assert told.happened is not None
    assert told.happened.first_token_us == 0, "the fake clock stands still"


def sampling(share: float) -> Rig:
    rig = two_places()
    rig.explanations.share = share
    return rig


async def test_a_sample_is_told_to_control_and_says_how_many_it_stands_for() -> None:
    rig = sampling(0.25)
    for _ in range(400):
        await rig.post()
    assert 70 <= len(rig.sink.decisions) <= 130
    assert {each.weight for each in rig.sink.decisions} == {4.0}
    assert all(each.happened is not None for each in rig.sink.decisions)


async def test_a_share_of_0_tells_nothing() -> None:
    rig = sampling(0.0)
    await rig.post()
    assert not rig.sink.decisions


async def test_what_needed_more_than_one_attempt_is_told_up_to_a_bound_a_second() -> None:
    rig = Rig(FakeUpstream(*[refuses(400 + 4), answers(ANSWER)] * 100), catalogue(LOCAL, REMOTE))
    rig.explanations.share = 1e-12
    for _ in range(TROUBLED_A_SECOND + 10):
        await rig.post()
    assert len(rig.sink.decisions) == 2 * TROUBLED_A_SECOND
    assert {each.weight for each in rig.sink.decisions} == {1.0}
    rig.clock.advance(1)
    await rig.post()
    assert len(rig.sink.decisions) == 2 * TROUBLED_A_SECOND + 2


async def test_only_the_last_requests_are_remembered_and_none_of_their_bodies() -> None:
    rig = two_places()
    kept = Explanations(rig.sink, rig.clock.now, random.random, kept=3)
    rig.explanations.begin = kept.begin  # type: ignore[method-assign]
    for _ in range(5):
        await rig.post()
    assert [bool(kept.find(f"req-{number}")) for number in range(1, 6)] == [False, False, True, True, True]
    gc.collect()
    assert not [each for each in gc.get_objects() if isinstance(each, Call)], "a call has the body"


async def test_the_callers_own_id_is_found_too() -> None:
    rig = two_places()
    await rig.post(x_request_id="theirs-1")
    (told,) = rig.explanations.find("theirs-1")
    assert told.request_id == "req-1"
    assert rig.explanations.find("nobody's") == ()


async def test_predictions_are_told_as_they_were_when_the_choice_was_made() -> None:
    rig = two_places(routing=Routing((("balanced", 1.0),)))
    for candidate, slowness in zip(rig.fleet.candidates("m"), (1.0, 3.0), strict=True):
        for tokens in (100, 1000, 2000) * 4:
            candidate.foreseen().pace.note_first(tokens, slowness * tokens / 1000, rig.clock.now())
    await rig.post()
    (told,) = rig.explanations.find("req-1")
    before = [each.prediction for each in told.considered]
    assert told.target == "local"
    assert None not in before
    assert before[0]
    assert before[1]
    assert before[0].first_s < before[1].first_s
    for candidate in rig.fleet.candidates("m"):
        candidate.foreseen().pace.note_first(1000, 50.0, rig.clock.now())
    await rig.post()
    assert [each.prediction for each in rig.explanations.find("req-1")[0].considered] == before
