"""The sixteen as figures, and as a table for people."""

from collections.abc import Sequence
from typing import Any

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.scenarios.faults.conduct import Result, conduct
from turnout.benchmarks.scenarios.faults.setup import FaultSetup
from turnout.benchmarks.scenarios.faults.verdict import Grade
from turnout.benchmarks.scenarios.faults.wiring import FORMS

KEPT_BYTES = 4000
ROWS = "suite"
"""Under this name the samples hold the table's rows."""


def measure_suite(setup: FaultSetup) -> Findings:
    """`passed_of_16_unary` and `passed_of_16_stream`."""
    results = conduct(setup.suite, setup.stage)
    values = []
    for form in FORMS:
        grades = [result.verdict.grade for result in results if result.form == form]
        rest = f"{grades.count(Grade.PARTIAL)} partial, {grades.count(Grade.FAIL)} failed"
        values.append(Finding(f"passed_of_16_{form}", grades.count(Grade.PASS), rest))
    return Findings(values, {ROWS: [_to_row(result) for result in results]})


def format_suite(rows: Sequence[dict[str, Any]]) -> str:
    """One line a scenario with both forms' grades; what wasn't passed is explained below it."""
    by_form = {form: {row["id"]: row for row in rows if row["form"] == form} for form in FORMS}
    width = max(len(row["title"]) for row in rows)
    lines = [f"{'':4}  {'fault':{width}}  {FORMS[0]:8}{FORMS[1]}"]
    for number, first in by_form[FORMS[0]].items():
        pair = [by_form[form][number] for form in FORMS]
        lines.append(f"{number:4}  {first['title']:{width}}  {pair[0]['grade']:8}{pair[1]['grade']}")
        lines += [f"{'':6}{row['form']}: {row['why']}" for row in pair if row["why"]]
    return "\n".join(lines)


def _to_row(result: Result) -> dict[str, Any]:
    evidence = result.evidence
    transcript = evidence.transcript
    return {
        "id": result.scenario.id,
        "title": result.scenario.title,
        "form": result.form,
        "grade": result.verdict.grade.value,
        "why": result.verdict.why,
        "attempts_at_primary": len(evidence.primary),
        "attempts_at_fallback": len(evidence.fallback),
        "requests": len(evidence.transcripts),
        "status": transcript.status,
        "elapsed_s": transcript.elapsed_s,
        "headers": dict(transcript.headers),
        "body": transcript.body.decode(errors="replace")[-KEPT_BYTES:],
    }
