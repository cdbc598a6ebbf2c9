"""What the scripts do alike: the usual options, and the way from steps to a printed report."""

import argparse
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Generic, TypeVar

from turnout.benchmarks.figures import Goal, Report
from turnout.benchmarks.machine import describe_machine, describe_versions
from turnout.benchmarks.reporting import judge, print_report, say
from turnout.benchmarks.steps import Step, run_steps

_Setup = TypeVar("_Setup")


@dataclass(frozen=True, slots=True)
class Run(Generic[_Setup]):
    """
    One run of a script.

    Attributes:
        script: its name.
        words: the command line.
        seed: of every random choice.
        steps: the scenarios.
        wanted: rows to print.
        json: where everything is written, samples too; None for nowhere.
    """

    script: str
    words: Sequence[str]
    seed: int
    steps: Sequence[Step[_Setup]]
    wanted: Sequence[Goal]
    json: Path | None

    def carry_out(self, assemble: Callable[[ExitStack], _Setup]) -> int:
        """Measure and print; 1 if a scenario failed, else 0. What `assemble` puts on the stack has ended then."""
        started_at, began = datetime.now(UTC), time.monotonic()
        with ExitStack() as stack:
            findings, samples, failed = run_steps(self.steps, assemble(stack), say)
            facts = {"machine": describe_machine(), "versions": describe_versions()}
        figures = judge(self.wanted, findings, {})
        started = started_at.isoformat(timespec="seconds")
        report = Report(self.script, self.words, self.seed, started, facts, figures, samples)
        print_report(report, time.monotonic() - began)
        if self.json:
            report.write(self.json)
        return 1 if failed else 0


def make_parser(script: str, about: str | None, steps: Sequence[str]) -> argparse.ArgumentParser:
    """
    A parser that knows what every script takes.

    Args:
        about: the script's docstring.
        steps: the names of its scenarios.
    """
    parser = argparse.ArgumentParser(
        prog=script, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="in at most 110 s on two cores")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything, samples too")
    parser.add_argument("--seed", type=int, default=1, help="of every random choice; 1 unless given")
    parser.add_argument("--only", action="append", default=[], choices=steps, help="run this scenario; repeat for more")
    return parser
