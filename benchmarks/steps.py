"""The scenarios that a run consists of, and what happens when one of them fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from turnout.benchmarks.findings import Finding, Findings
from turnout.benchmarks.gateways.cluster import GatewayFailed
from turnout.benchmarks.load.client import LoadFailed
from turnout.benchmarks.rounds import BadAnswers
from turnout.benchmarks.scenarios.setup import NotMeasurable

_Setup = TypeVar("_Setup")


@dataclass(frozen=True, slots=True)
class Step(Generic[_Setup]):
    """
    One scenario of a run.

    Attributes:
        name: for `--only` and the progress.
        figures: that it finds, for when it fails.
        run: does it.
    """

    name: str
    figures: tuple[str, ...]
    run: Callable[[_Setup], Findings]


def run_steps(
    steps: Sequence[Step[_Setup]], setup: _Setup, say: Callable[[str], None]
) -> tuple[list[Finding], dict[str, Any], list[str]]:
    """
    Runs the scenarios one after the other; one that fails leaves its figures without value and doesn't stop the rest.

    Returns:
        What was found, the raw samples by scenario, and the names of those that failed (not those that couldn't be measured here).
    """
    values: list[Finding] = []
    samples: dict[str, Any] = {}
    failed: list[str] = []
    for number, step in enumerate(steps, 1):
        say(f"[{number}/{len(steps)}] {step.name}")
        try:
            findings = step.run(setup)
        except NotMeasurable as why:
            values += [Finding(name, None, str(why)) for name in step.figures]
        except (BadAnswers, LoadFailed, GatewayFailed) as error:
            say(f"  failed: {error}")
            failed.append(step.name)
            values += [Finding(name, None, f"failed: {str(error).splitlines()[0]}") for name in step.figures]
        else:
            values += findings.values
            samples |= findings.samples
    return values, samples, failed
