"""What every script says on the way and at its end."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence

from turnout.benchmarks.figures import Figure, Goal, Report, format_table
from turnout.benchmarks.findings import Finding
from turnout.benchmarks.gateways.cluster import GatewayFailed
from turnout.benchmarks.load.children import ChildFailed
from turnout.benchmarks.load.compiler import CompileError
from turnout.benchmarks.reference.references import ReferenceFailed


def judge(goals: Sequence[Goal], findings: Sequence[Finding], missing: Mapping[str, str]) -> list[Figure]:
    """A figure for each goal: what was found for it, or why nothing was."""
    found = {finding.name: finding for finding in findings}
    figures = []
    for goal in goals:
        finding = found.get(goal.name) or Finding(goal.name, None, missing.get(goal.name, "not measured"))
        figures.append(Figure(goal, finding.value, finding.remark))
    return figures


def print_report(report: Report, took_s: float) -> None:
    """The head, the table, and one `figure` line each."""
    facts = dict(report.facts)
    for name in ("machine", "versions"):
        print(f"{name}: {', '.join(f'{key} {value}' for key, value in facts.pop(name).items())}")
    print(f"command: {report.script} {' '.join(report.command)}")
    said = "".join(f"; {name.replace('_', ' ')}: {value}" for name, value in facts.items() if isinstance(value, str))
    print(f"seed: {report.seed}{said}; took {took_s:.0f} s\n")
    print(format_table(report.figures), end="\n\n")
    for figure in report.figures:
        print(figure.line)


def run_to_exit_code(run: Callable[[], int]) -> int:
    """What `run` returns; 1 if something couldn't be started, 130 if it was interrupted. All that was started has ended then."""
    try:
        return run()
    except KeyboardInterrupt:
        say("interrupted")
        return 130
    except (GatewayFailed, ReferenceFailed, ChildFailed, CompileError) as error:
        say(f"can't start: {error}")
        return 1


def say(text: str) -> None:
    """Progress goes to stderr, so that stdout is the report."""
    print(text, file=sys.stderr, flush=True)


def read_key(reference: str | None) -> str | None:
    """The key that `env:NAME` stands for, or the text itself."""
    if reference is not None and reference.startswith("env:"):
        name = reference.removeprefix("env:")
        if name not in os.environ:
            raise SystemExit(f"the environment has no {name}")
        return os.environ[name]
    return reference


def redact_keys(words: Sequence[str]) -> list[str]:
    """The command line as it may stand in a report: keys given as themselves are left out."""
    shown: list[str] = []
    for word in words:
        name, is_assigned, value = word.partition("=")
        if is_assigned and name.endswith("-key") and not value.startswith("env:"):
            shown.append(f"{name}=***")
        elif shown and shown[-1].startswith("--") and shown[-1].endswith("-key") and not word.startswith("env:"):
            shown.append("***")
        else:
            shown.append(word)
    return shown
