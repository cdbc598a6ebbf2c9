"""What the judges of the sixteen faults make of canned transcripts."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from turnout.benchmarks.scenarios.faults.mocks import Arrival
from turnout.benchmarks.scenarios.faults.suite import FALLBACK_TEXT, PRIMARY_TEXT, SUITE, Scenario
from turnout.benchmarks.scenarios.faults.transcript import Transcript, read_transcript
from turnout.benchmarks.scenarios.faults.verdict import Evidence, Grade, Verdict, grade_answer, is_distinguishable

BY_ID = {scenario.id: scenario for scenario in SUITE}
MODEL = "m-fallback"


def event(document: dict[str, Any] | str) -> bytes:
    return f"data: {document if isinstance(document, str) else json.dumps(document)}\n\n".encode()


def stream(
    text: str = PRIMARY_TEXT,
    *,
    finish: str | None = "stop",
    done: bool = True,
    usage: int | None = None,
    error: bool = False,
    model: str = MODEL,
    **facts: Any,
) -> Transcript:
    """A stream that says `text`; `usage` is its completion tokens, its number of words unless given, none if negative."""
    pieces = [word if at == 0 else f" {word}" for at, word in enumerate(text.split())]
    chunks: list[dict[str, Any] | str] = [
        {"model": model, "choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
        for piece in pieces
    ]
    if finish:
        chunks.append({"model": model, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        tokens = len(pieces) if usage is None else usage
        if tokens >= 0:
            chunks.append({"model": model, "choices": [], "usage": {"completion_tokens": tokens}})
    if error:
        chunks.append({"error": {"message": "broken"}})
    if done:
        chunks.append("[DONE]")
    pieces_at = [(0.1, event(chunk)) for chunk in chunks]
    return Transcript(**{"is_stream": True, "status": 200, "pieces": pieces_at, "elapsed_s": 0.2, **facts})


def whole(text: str = PRIMARY_TEXT, **facts: Any) -> Transcript:
    document = {
        "model": MODEL,
        "choices": [{"index": 0, "message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"completion_tokens": len(text.split())},
    }
    body = [(0.1, json.dumps(document).encode())]
    return Transcript(**{"is_stream": False, "status": 200, "pieces": body, "elapsed_s": 0.2, **facts})


def refusal(status: int = 502, **facts: Any) -> Transcript:
    body = [(0.1, b'{"error": {"message": "no", "type": "server_error"}}')]
    return Transcript(**{"is_stream": True, "status": status, "pieces": body, "elapsed_s": 0.2, **facts})


def first_words(count: int) -> str:
    return " ".join(PRIMARY_TEXT.split()[:count])


def attempts(*at_s: float) -> list[Arrival]:
    return [Arrival("m", round(seconds * 1e9)) for seconds in at_s]


def judge(scenario: str | Scenario, *transcripts: Transcript, primary: Sequence[Arrival] = (), **facts: Any) -> Verdict:
    given = BY_ID[scenario] if isinstance(scenario, str) else scenario
    values = {
        "transcripts": transcripts,
        "primary": primary or attempts(0),
        "fallback": (),
        "primary_text": PRIMARY_TEXT,
        "fallback_text": given.fallback_text,
        "fallback_model": MODEL,
        **facts,
    }
    return given.judge(Evidence(**values))


TEXTS = (PRIMARY_TEXT, FALLBACK_TEXT)


@pytest.mark.parametrize(
    ("transcript", "grade", "why"),
    [
        (stream(), Grade.PASS, ""),
        (whole(), Grade.PASS, ""),
        (stream(FALLBACK_TEXT), Grade.PASS, ""),
        (refusal(), Grade.PARTIAL, "status 502"),
        (stream(first_words(40), finish=None, done=False, error=True), Grade.PARTIAL, "an error in the stream"),
        (stream(first_words(40), finish=None, done=False, is_broken=True), Grade.PARTIAL, "broke in the answer"),
        (Transcript(True, is_broken=True), Grade.PARTIAL, "broke before an answer"),
        (Transcript(True, is_hanging=True, elapsed_s=12.0), Grade.FAIL, "no end after 12.0 s"),
        (stream(first_words(40), finish=None, done=False), Grade.FAIL, "ended in good order"),
        (stream(first_words(40)), Grade.FAIL, "only 40 of 60 tokens came"),
        (stream(f"{first_words(40)} {PRIMARY_TEXT}"), Grade.FAIL, "40 tokens came twice"),
        (stream("something else"), Grade.FAIL, "the text is wrong"),
        (stream(done=False), Grade.FAIL, "ended in good order"),
        (stream(usage=-1), Grade.FAIL, "without its usage"),
        (
            stream(FALLBACK_TEXT.replace("f02", "f03"), finish=None, done=False, error=True),
            Grade.FAIL,
            "an error, after",
        ),
    ],
)
def test_an_answer_is_whole_or_honest_or_neither(transcript: Transcript, grade: Grade, why: str) -> None:
    verdict = grade_answer(transcript, TEXTS)
    assert verdict.grade is grade
    assert why in verdict.why


def test_what_is_not_json_fails_even_beside_a_whole_text() -> None:
    good = stream()
    broken = Transcript(True, 200, pieces=[(0.1, event('{"id":')), *good.pieces], elapsed_s=0.2)
    assert grade_answer(broken, TEXTS).why == "what isn't JSON reached the client"


def test_a_heartbeat_is_no_event() -> None:
    good = stream()
    kept = Transcript(True, 200, pieces=[(0.0, b": still working\n\n"), *good.pieces], elapsed_s=0.2)
    assert read_transcript(kept) == read_transcript(good)


def test_events_are_found_wherever_pieces_are_cut() -> None:
    body = stream().body
    for size in (1, 7, 100):
        pieces = [(0.1, body[at : at + size]) for at in range(0, len(body), size)]
        assert read_transcript(Transcript(True, 200, pieces=pieces)) == read_transcript(stream())


def test_an_error_beside_a_finish_is_not_a_finish() -> None:
    reading = read_transcript(stream(error=True))
    assert (reading.looks_finished, reading.says_it_failed) == (False, True)


@pytest.mark.parametrize(
    ("transcript", "is_told"),
    [
        (stream(), True),
        (stream(usage=-1), True),
        (refusal(), True),
        (stream(first_words(9), finish=None, done=False, error=True), True),
        (stream(first_words(9), finish=None, done=False, is_broken=True), True),
        (stream(first_words(9), finish=None, done=False), False),
        (stream(first_words(9), finish=None), False),
        (stream(first_words(9)), False),
        (stream("p01 p01", finish=None, done=False, error=True), False),
        (Transcript(True, 200, is_hanging=True), False),
    ],
)
def test_a_broken_stream_can_be_told_by_an_error_or_a_broken_connection_only(
    transcript: Transcript, is_told: bool
) -> None:
    assert is_distinguishable(transcript, PRIMARY_TEXT) is is_told


@pytest.mark.parametrize(
    ("scenario", "transcript", "primary", "grade", "why"),
    [
        ("s01", stream(), attempts(0, 5), Grade.PASS, ""),
        ("s01", stream(), attempts(0, 1), Grade.FAIL, "tried again after 1.00 s, not 5.00 s"),
        ("s01", refusal(429), attempts(0), Grade.PARTIAL, "status 429"),
        ("s01", refusal(429), attempts(0, 1), Grade.FAIL, "tried again"),
        ("s03", stream(), attempts(0, 1), Grade.PASS, ""),
        ("s03", stream(), attempts(0, 1, 2), Grade.FAIL, "3 attempts, not 2"),
        ("s04", stream(FALLBACK_TEXT), attempts(0, 1, 2), Grade.PASS, ""),
        ("s04", stream(FALLBACK_TEXT), attempts(0, 1, 2, 3), Grade.FAIL, "4 attempts, more than 3"),
        ("s06", stream(FALLBACK_TEXT, elapsed_s=11), attempts(0), Grade.PASS, ""),
        ("s06", stream(FALLBACK_TEXT), attempts(0, 1), Grade.FAIL, "2 attempts, not 1"),
        ("s06", stream(FALLBACK_TEXT, elapsed_s=40), attempts(0), Grade.FAIL, "took 40.0 s"),
        ("s07", stream(FALLBACK_TEXT, elapsed_s=6), attempts(0), Grade.PASS, ""),
        ("s07", stream(elapsed_s=21), attempts(0), Grade.FAIL, "took 21.0 s"),
        ("s09", stream(elapsed_s=30), attempts(0), Grade.FAIL, "silent for 29.9 s"),
        ("s12", stream(FALLBACK_TEXT), attempts(0, 1), Grade.FAIL, "2 attempts, not 1"),
        ("s13", refusal(400), attempts(0), Grade.PARTIAL, "status 400"),
        ("s13", refusal(400), attempts(0, 1), Grade.FAIL, "2 attempts, not 1"),
        ("s16", stream(FALLBACK_TEXT), attempts(0), Grade.PASS, ""),
        ("s16", stream(FALLBACK_TEXT, model="s16"), attempts(0), Grade.FAIL, "the answer names 's16'"),
        ("s16", stream(FALLBACK_TEXT, usage=60), attempts(0), Grade.FAIL, "the usage says 60"),
    ],
)
def test_a_scenario_asks_for_more_than_an_answer(
    scenario: str, transcript: Transcript, primary: list[Arrival], grade: Grade, why: str
) -> None:
    verdict = judge(scenario, transcript, primary=primary)
    assert (verdict.grade, why in verdict.why) == (grade, True), verdict


def test_times_shrink_with_the_scale_of_the_run() -> None:
    assert judge("s01", stream(), primary=attempts(0, 0.5), scale=0.1).grade is Grade.PASS
    assert judge("s06", stream(FALLBACK_TEXT, elapsed_s=11), scale=0.1).grade is Grade.FAIL


def at(seconds: float, text: str, **facts: Any) -> Transcript:
    return stream(text, sent_ns=round(seconds * 1e9), **facts)


def test_an_outage_is_passed_when_all_are_answered_and_the_primary_comes_back() -> None:
    served = [at(1, PRIMARY_TEXT), at(10, FALLBACK_TEXT), at(80, FALLBACK_TEXT), at(96, PRIMARY_TEXT)]
    assert judge("s15", *served) == Verdict(Grade.PASS)
    late = judge("s15", *served[:-1], at(96, FALLBACK_TEXT))
    assert (late.grade, late.why) == (Grade.FAIL, "30 s after the outage the primary answers only 0 of 1 requests")
    unanswered = judge("s15", *served, refusal(503))
    assert (unanswered.grade, unanswered.why) == (Grade.PARTIAL, "1 of 5 requests: status 503")


def test_there_are_sixteen_and_each_says_what_happens() -> None:
    assert [scenario.id for scenario in SUITE] == [f"s{number:02}" for number in range(1, 17)]
    assert len({scenario.title for scenario in SUITE}) == 16
