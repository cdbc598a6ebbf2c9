"""Judges one scenario by what its client got and what its upstreams saw, so that any gateway can be judged."""

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from turnout.benchmarks.scenarios.faults.mocks import Arrival
from turnout.benchmarks.scenarios.faults.transcript import Reading, Transcript, read_transcript


class Grade(enum.Enum):
    """How well a gateway did, the best first."""

    PASS = "pass"
    """The client got its answer, and nothing forbidden was done for it."""
    PARTIAL = "partial"
    """It got an honest error that it can tell from an answer."""
    FAIL = "fail"
    """Wrong or repeated text, an answer that looks finished and isn't, no end, or a forbidden attempt."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    A grade.

    Attributes:
        why: what was wrong, or empty.
    """

    grade: Grade
    why: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """
    All there is to judge one scenario by.

    Attributes:
        transcripts: of its requests, in the order they were sent; one in most scenarios.
        primary: attempts that the primary upstream saw, in order.
        fallback: those that the fallback saw.
        primary_text, fallback_text: their whole answers; equal where one can go on where the other was cut.
        fallback_model: what the fallback may be called in an answer.
        scale: of the scenario's seconds: 1.0, or 0.1 in a quick run.
        begun_ns: when the mocks' scripts came into force.
    """

    transcripts: Sequence[Transcript]
    primary: Sequence[Arrival]
    fallback: Sequence[Arrival]
    primary_text: str
    fallback_text: str
    fallback_model: str
    scale: float = 1.0
    begun_ns: int = 0

    @property
    def transcript(self) -> Transcript:
        """The one request's."""
        return self.transcripts[0]

    @property
    def reading(self) -> Reading:
        """What its client may take it for."""
        return read_transcript(self.transcript)


Check = Callable[[Evidence], str | None]
"""What's wrong, or None."""

Judge = Callable[[Evidence], Verdict]

SLACK_S = 1.0
"""What a busy machine may add to any time."""


def judge_one(*needed: Check, forbidden: Sequence[Check] = ()) -> Judge:
    """
    The judge of a scenario with one request.

    Args:
        needed: what a whole answer must keep to be a pass.
        forbidden: what makes it a fail even where the client got an honest error.
    """

    def judge(evidence: Evidence) -> Verdict:
        verdict = grade_answer(evidence.transcript, (evidence.primary_text, evidence.fallback_text))
        checks = (*forbidden, *needed) if verdict.grade is Grade.PASS else forbidden
        problems = [problem for check in checks if (problem := check(evidence))]
        return Verdict(Grade.FAIL, "; ".join(filter(None, (verdict.why, *problems)))) if problems else verdict

    return judge


def grade_answer(transcript: Transcript, texts: Sequence[str]) -> Verdict:
    """What one answer is worth by itself; `texts` are the whole ones."""
    reading = read_transcript(transcript)
    if transcript.is_hanging:
        return Verdict(Grade.FAIL, f"no end after {transcript.elapsed_s:.1f} s")
    if reading.malformed:
        return Verdict(Grade.FAIL, "what isn't JSON reached the client")
    if reading.looks_finished:
        if reading.text not in texts:
            return Verdict(Grade.FAIL, f"looks finished, but {describe_text(reading.text, texts)}")
        if not (reading.usage or {}).get("completion_tokens"):
            return Verdict(Grade.FAIL, "a whole answer without its usage")
        return Verdict(Grade.PASS)
    if not reading.says_it_failed:
        return Verdict(Grade.FAIL, "ended in good order, but without a finish or an error")
    if not any(text.startswith(reading.text) for text in texts):
        return Verdict(Grade.FAIL, f"an error, after {describe_text(reading.text, texts)}")
    return Verdict(Grade.PARTIAL, describe_failure(transcript, reading))


def is_distinguishable(transcript: Transcript, text: str) -> bool:
    """Whether a client can tell a whole answer from a broken one, and what came of it is right."""
    reading = read_transcript(transcript)
    if transcript.is_hanging:
        return False
    return reading.text == text if reading.looks_finished else reading.says_it_failed and text.startswith(reading.text)


def describe_text(text: str, texts: Sequence[str]) -> str:
    """How a text differs from the nearest of those that it should be."""
    words = text.split()
    for whole in texts:
        expected = whole.split()
        if len(words) < len(expected) and words == expected[: len(words)]:
            return f"only {len(words)} of {len(expected)} tokens came"
        if len(set(words)) < len(words):
            return f"{len(words) - len(set(words))} tokens came twice"
    return f"the text is wrong: {text[:60]!r}"


def describe_failure(transcript: Transcript, reading: Reading) -> str:
    """What the client was told."""
    if transcript.status is None:
        return "the connection broke before an answer"
    if transcript.status != 200:
        return f"status {transcript.status}"
    return "an error in the stream" if reading.error is not None else "the connection broke in the answer"


def attempts(exactly: int) -> Check:
    """The primary saw so many."""

    def check(evidence: Evidence) -> str | None:
        seen = len(evidence.primary)
        return None if seen == exactly else f"the primary saw {seen} attempts, not {exactly}"

    return check


def at_most(attempts: int) -> Check:
    """The primary saw no more than so many."""

    def check(evidence: Evidence) -> str | None:
        seen = len(evidence.primary)
        return None if seen <= attempts else f"the primary saw {seen} attempts, more than {attempts}"

    return check


def waited(seconds: float) -> Check:
    """So long passed between the first attempt at the primary and each later one; 5 % less is taken for rounding."""

    def check(evidence: Evidence) -> str | None:
        if len(evidence.primary) < 2:
            return None
        pause_s = (evidence.primary[1].arrived_ns - evidence.primary[0].arrived_ns) / 1e9
        wanted_s = seconds * evidence.scale
        return None if pause_s >= 0.95 * wanted_s else f"tried again after {pause_s:.2f} s, not {wanted_s:.2f} s"

    return check


def within(seconds: float) -> Check:
    """The client had its answer in this time."""

    def check(evidence: Evidence) -> str | None:
        longest_s = seconds * evidence.scale + SLACK_S
        took_s = evidence.transcript.elapsed_s
        return None if took_s <= longest_s else f"took {took_s:.1f} s, more than {longest_s:.1f} s"

    return check


def kept_alive(seconds: float) -> Check:
    """The client of a stream never heard nothing for longer than this."""

    def check(evidence: Evidence) -> str | None:
        longest_s = seconds * evidence.scale + SLACK_S
        silence_s = evidence.transcript.longest_silence_s
        if not evidence.transcript.is_stream or silence_s <= longest_s:
            return None
        return f"silent for {silence_s:.1f} s, more than {longest_s:.1f} s"

    return check


def names_the_fallback(evidence: Evidence) -> str | None:
    """Model and usage are those of what answered."""
    reading = evidence.reading
    if reading.model != evidence.fallback_model:
        return f"the answer names {reading.model!r}, not {evidence.fallback_model!r}"
    tokens, expected = (reading.usage or {}).get("completion_tokens"), len(evidence.fallback_text.split())
    return None if tokens == expected else f"the usage says {tokens} completion tokens, not {expected}"


def judge_flap(until: float, back_within_s: Callable[[float], float]) -> Judge:
    """
    The judge of many requests around an outage of the primary.

    Args:
        until: seconds after the mocks' begin at which the outage ends.
        back_within_s: seconds after that, by the scale; from then on nine of ten requests must come from the primary.
    """

    def judge(evidence: Evidence) -> Verdict:
        texts = (evidence.primary_text, evidence.fallback_text)
        verdicts = [grade_answer(transcript, texts) for transcript in evidence.transcripts]
        for grade in (Grade.FAIL, Grade.PARTIAL):
            bad = [verdict for verdict in verdicts if verdict.grade is grade]
            if bad:
                return Verdict(grade, f"{len(bad)} of {len(verdicts)} requests: {bad[0].why}")
        patience_s = back_within_s(evidence.scale)
        back_at_s = until * evidence.scale + patience_s
        late = [each for each in evidence.transcripts if (each.sent_ns - evidence.begun_ns) / 1e9 >= back_at_s]
        ours = sum(read_transcript(each).text == evidence.primary_text for each in late)
        if not late or ours < 0.9 * len(late):
            why = f"{patience_s:.0f} s after the outage the primary answers only {ours} of {len(late)} requests"
            return Verdict(Grade.FAIL, why)
        return Verdict(Grade.PASS)

    return judge
