"""What `/metrics` says of attempts, fallbacks, breakers, rest and lines."""

import json
from dataclasses import replace

from tests.fakes import FakeUpstream, answers, endpoints, refuses
from tests.gateways import ANSWER, CHAT, LOCAL, REMOTE, Rig, catalogue
from turnout.models.cause import Cause
from turnout.models.target import BreakerPolicy, Target
from turnout.router.catalogue import ModelRoute, Retries
from turnout.router.execute.slots import Slots
from turnout.router.observe import Observer
from turnout.router.plan.fleet import Candidate, Fleet
from turnout.serve.metrics import merge, render

NOW = 1000.0


def make(*targets: Target) -> tuple[Observer, Fleet, Slots]:
    """An observer of a model `m` with these targets, pools with endpoints `a` and `b`."""
    fleet, slots = Fleet(), Slots(lambda: NOW)
    fleet.set_catalogue(catalogue(*targets))
    fleet.set_pool("pool", endpoints("a", "b"))
    return Observer(fleet, slots, lambda: NOW), fleet, slots


def samples(observer: Observer, name: str) -> dict[tuple[str, ...], float]:
    """A family's samples by their label values."""
    found = (sample for family in observer.collect() for sample in family.samples)
    return {tuple(sample.labels.values()): sample.value for sample in found if sample.name == name}


def fail_once(candidate: Candidate) -> None:
    """Let one attempt fail there."""
    assert candidate.breaker is not None
    candidate.breaker.end(candidate.breaker.begin(), False, NOW)


async def test_every_attempt_is_counted_by_target_and_by_how_it_went() -> None:
    observer, _, _ = make(LOCAL)
    for outcome in ("ok", "ok", Cause.RATE_LIMITED.value):
        observer.attempt("local", outcome)
    assert samples(observer, "turnout_attempts_total") == {("local", "ok"): 2, ("local", "rate_limited"): 1}


async def test_moves_continuations_hedges_and_degraded_answers_are_counted() -> None:
    observer, _, _ = make(LOCAL)
    observer.fall_back("m", "remote", Cause.TIMEOUT.value)
    observer.continued("tokens")
    observer.hedge("started")
    observer.hedge("won")
    observer.degrade("answer")
    observer.refuse(503)
    assert samples(observer, "turnout_fallbacks_total") == {("m", "remote", "timeout"): 1}
    assert samples(observer, "turnout_continuations_total") == {("tokens",): 1}
    assert samples(observer, "turnout_hedges_total") == {("started",): 1, ("won",): 1}
    assert samples(observer, "turnout_degraded_total") == {("answer",): 1}
    assert samples(observer, "turnout_refused_total") == {("503",): 1}


async def test_a_targets_breaker_shows_its_state_and_how_often_it_opened() -> None:
    brittle = Target("remote", "m", "openai_compatible", breaker=BreakerPolicy(min_attempts=1))
    observer, fleet, _ = make(LOCAL, brittle)
    assert samples(observer, "turnout_breaker_state") == {("local",): 0, ("remote",): 0}
    fail_once(fleet.all_candidates()["remote", "remote:443"])
    assert samples(observer, "turnout_breaker_state") == {("local",): 0, ("remote",): 2}
    assert samples(observer, "turnout_breaker_opened_total") == {("local",): 0, ("remote",): 1}


async def test_a_target_without_a_breaker_has_no_state() -> None:
    observer, _, _ = make(Target("remote", "m", "openai_compatible", breaker=None))
    assert samples(observer, "turnout_breaker_state") == {}


async def test_endpoints_left_alone_are_counted_by_reason_and_the_worst_reason_counts() -> None:
    observer, fleet, _ = make(LOCAL, REMOTE)
    first, second = (fleet.all_candidates()["local", name] for name in ("a", "b"))
    first.rest(NOW + 1)
    second.refuse_connection(NOW)
    second.take_out(NOW)
    assert (first.why_resting(NOW), second.why_resting(NOW)) == ("rate_limited", "key_refused")
    assert first.why_resting(NOW + 1) is None
    assert samples(observer, "turnout_endpoints_resting") == {
        ("local", "ejected"): 0,
        ("local", "key_refused"): 1,
        ("local", "rate_limited"): 1,
        ("remote", "ejected"): 0,
        ("remote", "key_refused"): 0,
        ("remote", "rate_limited"): 0,
    }


async def test_refusals_of_a_line_and_the_loops_tasks_are_shown() -> None:
    observer, _, slots = make(LOCAL)
    slots.refused["full"] += 2
    assert samples(observer, "turnout_line_refused_total")["full",] == 2
    assert samples(observer, "turnout_tasks") == {(): 1}, "this test is the only task"


async def test_a_refused_key_is_counted_and_shown_while_the_next_one_answers() -> None:
    config = catalogue(REMOTE)
    config = replace(config, fixed_endpoints={"remote": tuple(endpoints("far:443#1", "far:443#2"))})
    rig = Rig(FakeUpstream(refuses(401), answers(ANSWER)), config)
    assert [(await rig.post()).status for _ in range(3)] == [200, 200, 200]
    refused, *working = [call[0].id for call in rig.upstream.calls]
    assert len(set(working)) == 1
    assert refused not in working
    assert samples(rig.observer, "turnout_attempts_total") == {("remote", "credentials"): 1, ("remote", "ok"): 3}
    assert samples(rig.observer, "turnout_endpoints_resting")["remote", "key_refused"] == 1
    assert samples(rig.observer, "turnout_breaker_state") == {("remote",): 0}, "a key says nothing about the target"


async def test_a_fallback_that_the_caller_named_answers_and_is_counted() -> None:
    config = catalogue(LOCAL, REMOTE)
    once = Retries(same_target=0)
    models = {"m": ModelRoute("m", (LOCAL,), retries=once), "other": ModelRoute("other", (REMOTE,))}
    rig = Rig(FakeUpstream(refuses(500), answers(ANSWER)), replace(config, models=models))
    out = await rig.post(CHAT[:-1] + b',"fallbacks":["other"],"max_tokens":5}')
    assert (out.status, out.headers[b"x-turnout-target"]) == (200, b"remote")
    sent = [json.loads(call[1].body) for call in rig.upstream.calls]
    assert [(body["model"], "fallbacks" in body) for body in sent] == [("up-m", False), ("far-m", False)]
    assert samples(rig.observer, "turnout_fallbacks_total") == {("m", "remote", "server_error"): 1}
    off = Rig(FakeUpstream(refuses(500)), replace(config, models=models))
    assert (await off.post(CHAT[:-1] + b',"fallbacks":false}')).status == 502
    assert samples(off.observer, "turnout_fallbacks_total") == {}


async def test_the_text_of_several_replicas_merges() -> None:
    observer, _, _ = make(LOCAL)
    observer.attempt("local", "ok")
    text = merge([render(observer, "r1"), render(observer, "r2")]).decode()
    assert 'turnout_attempts_total{outcome="ok",replica="r1",turnout_target="local"} 1.0' in text
    assert 'turnout_attempts_total{outcome="ok",replica="r2",turnout_target="local"} 1.0' in text
    assert text.count("# TYPE turnout_breaker_state gauge") == 1
