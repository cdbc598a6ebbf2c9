"""What many requests with random faults come to: how many are answered, with how many attempts, and whether the broken ones can be told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster_file import RemoteModel
from turnout.benchmarks.rounds import BadAnswers
from turnout.benchmarks.scenarios.faults.asking import Question
from turnout.benchmarks.scenarios.faults.crowd import ask_all, ask_at_rate
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.faults.suite import PRIMARY_TEXT, TOKENS
from turnout.benchmarks.scenarios.faults.transcript import Transcript
from turnout.benchmarks.scenarios.faults.verdict import Grade, grade_answer, is_distinguishable
from turnout.benchmarks.scenarios.faults.wiring import FORMS, Upstreams, at_scale, fallback_model, fallback_name

MIXED, STORM, RANDOM = "mixed", "storm", "random"
AT_ONCE = 32
STORM_PER_S = 50.0
PATIENCE_S = 120.0
FAULTY_SHARE = 0.3
SILENCE_S = 10.0  # that the gateway may wait through in a full run; several times for one request

BEFORE_THE_ANSWER: Sequence[Mapping[str, Any]] = (
    {"do": "status", "status": 500},
    {"do": "status", "status": 503},
    {"do": "status", "status": 429, "retry_after_s": 0.5},
    {"do": "reset"},
)
IN_THE_ANSWER: Sequence[Mapping[str, Any]] = (
    {"do": "cut"},
    {"do": "reset"},
    {"do": "close"},
    {"do": "error_event"},
    {"do": "malformed"},
    {"do": "no_done"},
)
BREAKING = tuple(fault for fault in IN_THE_ANSWER if fault["do"] not in {"malformed", "no_done"})
STALL: Mapping[str, Any] = {"do": "stall", "stall_s": 600.0}


def measure_mixed_faults(setup: FaultSetup) -> Findings:
    """`success_at_30pct_faults` and `attempts_per_request_at_30pct_faults`: half of the requests are streams."""
    script = {"text": {"values": [PRIMARY_TEXT]}}
    faults = spread([*BEFORE_THE_ANSWER, *[{**fault, "after_tokens": 20} for fault in BREAKING]], FAULTY_SHARE)
    _play(setup, MIXED, {**script, "faults": faults}, script)
    questions = [_question(MIXED, number) for number in range(setup.amount.mixed)]
    transcripts = ask_all(setup.subject, questions, AT_ONCE)
    grades = _grades(transcripts)
    at_primary, at_fallback = _attempts(setup, MIXED)
    if at_primary + at_fallback < len(questions):
        raise BadAnswers(f"{len(questions)} requests, but the upstreams saw only {at_primary + at_fallback}")
    said = f"of {len(questions)}; {at_primary} attempts at the primary, {at_fallback} at the fallback"
    values = [
        Finding("success_at_30pct_faults", grades[Grade.PASS.value] / len(questions), said),
        Finding("attempts_per_request_at_30pct_faults", (at_primary + at_fallback) / len(questions), said),
    ]
    return Findings(values, {"mixed_faults": {"grades": grades, "worst": _worst(transcripts)}})


def measure_storm(setup: FaultSetup) -> Findings:
    """`attempts_per_request_in_storm`: every attempt fails at both upstreams."""
    script = {"text": {"values": [PRIMARY_TEXT]}, "faults": spread(BEFORE_THE_ANSWER, 1.0)}
    _play(setup, STORM, script, script)
    questions = [_question(STORM, number) for number in range(int(STORM_PER_S * setup.amount.storm_s))]
    transcripts = ask_at_rate(setup.subject, questions, STORM_PER_S)
    attempts = sum(_attempts(setup, STORM))
    statuses = Counter(str(transcript.status) for transcript in transcripts)
    answered = ", ".join(f"{count} x {status}" for status, count in statuses.most_common())
    remark = f"{attempts} attempts for {len(questions)} requests in {setup.amount.storm_s:.0f} s; answers: {answered}"
    values = [Finding("attempts_per_request_in_storm", attempts / len(questions), remark)]
    return Findings(values, {"storm": {"statuses": statuses, "slowest_s": max(each.elapsed_s for each in transcripts)}})


def measure_broken_streams(setup: FaultSetup) -> Findings:
    """`indistinguishable_broken_streams`: faults at random places of both upstreams' streams."""
    random = setup.randomness
    script = {"text": {"values": [PRIMARY_TEXT]}}
    places = [{**random.choice(IN_THE_ANSWER), "after_tokens": random.randint(1, TOKENS)} for _ in range(3 * TOKENS)]
    places += [{**STALL, "after_tokens": random.randint(1, TOKENS)} for _ in range(6)]
    random.shuffle(places)
    faults = [*spread(places, 0.5), *spread(BEFORE_THE_ANSWER, 0.1, above=0.5)]
    _play(setup, RANDOM, {**script, "faults": faults}, {**script, "faults": spread(places, 0.3)})
    questions = [_question(RANDOM, 1) for _ in range(setup.amount.random)]
    transcripts = ask_all(setup.subject, questions, AT_ONCE)
    bad = [transcript for transcript in transcripts if not is_distinguishable(transcript, PRIMARY_TEXT)]
    grades = _grades(transcripts)
    remark = f"of {len(transcripts)} streams; {grades[Grade.PASS.value]} whole, {grades[Grade.PARTIAL.value]} with an honest error"
    values = [Finding("indistinguishable_broken_streams", len(bad), remark)]
    samples = [_to_sample(each) for each in bad[:20]]
    return Findings(values, {"broken_streams": {"grades": grades, "indistinguishable": samples}})


def volume_models(upstreams: Upstreams, scale: float) -> list[RemoteModel]:
    """What the gateway must serve for these, each model with a fallback."""
    models = []
    settings = at_scale({"timeouts": {"first_token_s": SILENCE_S, "gap_s": SILENCE_S}}, scale)
    for name in (MIXED, STORM, RANDOM):
        own = {**settings, "fallbacks": {"any_error": [fallback_name(name)]}}
        # With a breaker most of the random faults wouldn't be seen at all.
        target = {"breaker": None} if name == RANDOM else {}
        models.append(RemoteModel(name, upstreams.primary, name, provider="primary", settings=own, target=target))
        models.append(fallback_model(name, upstreams, own, target))
    return models


def spread(faults: Sequence[Mapping[str, Any]], share: float, above: float = 0.0) -> list[dict[str, Any]]:
    """The faults with shares of requests that together are `share`, beginning above what other faults have taken: a mock's draws are cumulative."""
    each = share / len(faults)
    return [{**fault, "share": min(1.0, above + each * number)} for number, fault in enumerate(faults, 1)]


def _play(setup: FaultSetup, model: str, primary: Mapping[str, Any], fallback: Mapping[str, Any]) -> None:
    seed = setup.randomness.randrange(2**31)
    setup.primary.play({"seed": seed, "models": {model: primary}})
    setup.fallback.play({"seed": seed + 1, "models": {fallback_name(model): fallback}})


def _question(model: str, number: int) -> Question:
    return Question(model, is_stream=FORMS[number % 2] == "stream", patience_s=PATIENCE_S)


def _attempts(setup: FaultSetup, model: str) -> tuple[int, int]:
    primary, fallback = setup.primary.stats().requests, setup.fallback.stats().requests
    return primary.get(model, 0), fallback.get(fallback_name(model), 0)


def _grades(transcripts: Sequence[Transcript]) -> Counter[str]:
    return Counter(grade_answer(transcript, (PRIMARY_TEXT,)).grade.value for transcript in transcripts)


def _worst(transcripts: Sequence[Transcript]) -> list[dict[str, Any]]:
    """What those say that weren't answered."""
    bad = [each for each in transcripts if grade_answer(each, (PRIMARY_TEXT,)).grade is not Grade.PASS]
    return [_to_sample(each) for each in bad[:20]]


def _to_sample(transcript: Transcript) -> dict[str, Any]:
    return {
        "why": grade_answer(transcript, (PRIMARY_TEXT,)).why,
        "status": transcript.status,
        "elapsed_s": transcript.elapsed_s,
        "is_broken": transcript.is_broken,
        "is_hanging": transcript.is_hanging,
        "headers": dict(transcript.headers),
        "body": transcript.body.decode(errors="replace")[-2000:],
    }
